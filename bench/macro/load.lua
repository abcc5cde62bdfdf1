-- What wrk sends, by environment: LOAD_METHOD, LOAD_PIPELINE, LOAD_BODY_BYTES, LOAD_HEADERS (one
-- "Name: value" a line). At the end one line of JSON, behind a mark, for the harness to read.

wrk.method = os.getenv("LOAD_METHOD") or "GET"
for name, value in (os.getenv("LOAD_HEADERS") or ""):gmatch("([^\n:]+): ([^\n]*)") do
  wrk.headers[name] = value
end
local body_bytes = tonumber(os.getenv("LOAD_BODY_BYTES") or "0")
if body_bytes > 0 then wrk.body = string.rep("x", body_bytes) end

local pipeline = tonumber(os.getenv("LOAD_PIPELINE") or "1")
if pipeline > 1 then
  local batch
  function init() batch = string.rep(wrk.format(), pipeline) end
  function request() return batch end
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '\nLOAD {"responses":%d,"microseconds":%d,"bytes":%d,"p50":%d,"p99":%d,"max":%d,' ..
    '"errors":{"connect":%d,"read":%d,"write":%d,"timeout":%d,"status":%d}}\n',
    summary.requests, summary.duration, summary.bytes,
    latency:percentile(50), latency:percentile(99), latency.max,
    errors.connect, errors.read, errors.write, errors.timeout, errors.status))
end

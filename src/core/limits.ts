// Every limit and every default of the server, with its unit in its name. Nothing else in src/
// holds a bare number of this kind. What happens at each limit is said beside it, once.

import { assert } from "./assert.ts";

export const KIB = 1024;
export const MIB: number = 1024 * KIB;
export const GIB: number = 1024 * MIB;

// Listening
export const PORT_DEFAULT = 8080;
export const HOST_DEFAULT = "127.0.0.1";
export const BACKLOG_DEFAULT = 4096; // the kernel clips it to net.core.somaxconn
export const SILENT_ACCEPT_S = 1; // a peer that should speak first is accepted in silence then
export const WORKERS_MAX = 256;

// Connections. At the limit a worker stops accepting: the kernel keeps the queue.
export const FD_SHARE_FOR_CONNECTIONS = 0.9; // of RLIMIT_NOFILE, split over the workers
export const FDS_OF_PROCESS = 24; // 9 measured, and some for files that are being served
export const FDS_OF_WORKER = 8; // 6 measured: its loop, its pipes, its listening sockets
export const REATTACH_SHARE = 0.95; // below this share of the limit it accepts again
export const CONNECTIONS_PER_WORKER_MAX: number = 1 << 20; // slots: 20 bits of a connection id

// Output. Reading pauses at the high mark and resumes at the low one; at the cap the connection
// is closed with CLOSE_OUTPUT_OVERFLOW. Fixed: who waits for `drain` when send() says false, as
// every answer of ours does, stays far below the cap.
export const OUTPUT_LOW_WATER_BYTES: number = 32 * KIB;
export const OUTPUT_HIGH_WATER_BYTES: number = 64 * KIB;
export const OUTPUT_CAP_BYTES: number = 16 * MIB;

// Of an answer that the kernel takes and has not sent: what is above it waits with us. 256 KiB cost
// a tenth more CPU per byte than no limit, 512 KiB nothing that could be measured.
export const UNSENT_BYTES_MAX: number = 512 * KIB;
// Of a file that the kernel sends from its page cache it may hold more, once its peer reads: these
// bytes are not copied, though they count against what all sockets may hold (tcp_mem). As much as
// its own largest buffer; with 512 KiB a file of 10 MB costs twice the CPU.
export const UNSENT_FILE_BYTES_MAX: number = 4 * MIB;

// Input that waits because an answer is not finished. Reading pauses at the mark, or at the size of
// a head if that may be larger.
export const INPUT_HIGH_WATER_BYTES: number = 64 * KIB;

export const PROXY_HEADER_BYTES_MAX: number = 4 * KIB; // v2 with its TLVs, fixed by custom: close

// io_buf classes; a larger request gets a chain.
export const IO_BUF_CLASS_BYTES: readonly number[] = [
  4 * KIB,
  16 * KIB,
  64 * KIB,
  256 * KIB,
  1 * MIB,
  4 * MIB,
  8 * MIB,
];
export const MEMORY_LIMIT_BYTES_DEFAULT: number = 512 * MIB; // buffers of the whole process
export const MEMORY_LIMIT_BYTES_MIN: number = 16 * MIB;
export const MEMORY_LIMIT_BYTES_MAX: number = 16_383 * MIB; // an address is 31 bits, of 8 bytes

// HTTP. Status of the answer when exceeded, then the connection closes. These are defaults: the
// command line, serve() and each listener may set others.
export const TARGET_BYTES_MAX: number = 8 * KIB; // 414
export const HEAD_BYTES_MAX: number = 32 * KIB; // 431: request line and fields together
export const HEADER_BYTES_MAX: number = 16 * KIB; // 431: one field line
export const HEADERS_MAX = 100; // 431
export const TRAILER_BYTES_MAX: number = 8 * KIB; // 431
export const BODY_BYTES_MAX_DEFAULT: number = 16 * MIB; // 413

// What those of a head may be set to. A head is parsed in one io_buf, of a connection that nobody
// knows yet; and a pooled parser keeps the room that its longest list of fields has taken.
export const HEAD_BYTES_LIMIT_MIN = 256; // below it plain requests are refused
export const HEAD_BYTES_LIMIT_MAX: number = 1 * MIB;
export const HEADERS_LIMIT_MAX = 10_000;

// Fixed, since no honest request comes near them, or since they are how the server works and not
// what it allows.
export const CHUNK_LINE_BYTES_MAX: number = 4 * KIB; // 400: chunk size with its extensions
export const CHUNK_EXTENSION_BYTES_MAX: number = 16 * KIB; // 400: all extensions of one body
export const METHOD_BYTES_MAX = 32; // 501; the longest registered method has 17
export const EMPTY_LINES_MAX = 8; // 400: before a request line
export const BODY_BUFFER_BYTES: number = 64 * KIB; // read before the handler is called
export const BODY_BUFFER_MS = 2_000; // or so long: the peer may wait for an answer to it
export const RESPONSE_FIELDS_BYTES_MAX: number = 32 * KIB; // of the application: TypeError
export const UNREAD_BODY_BYTES_MAX: number = 256 * KIB; // drained for keep-alive; beyond it: close
export const FRAMES_PER_EVENT_MAX = 4096; // the same for frames of a TCP service
export const REQUESTS_PER_EVENT_MAX = 256; // pipelined answers before others get their turn

// Frames of a TCP service: an error, then the connection closes.
export const FRAME_BYTES_MAX_DEFAULT: number = 1 * MIB; // where a framing names no maximum
export const FRAME_BYTES_MAX_LIMIT: number = 1 * GIB; // positions on the wire stay int32
// A frame that spans reads is put together in one io_buf of at most 8 MiB, into which the read that
// ends the frame brings what follows it: 512 KiB at most in Bun 1.4.5.
export const FRAME_WIRE_BYTES_MAX: number = 7 * MIB; // tcp() throws a RangeError

// Access log. What finds no room while the disk does not take it is lost, and counted. Fixed, as
// nothing of it is seen but by who has a disk that does not keep up.
export const ACCESS_LOG_LINE_BYTES_MAX: number = 4 * KIB; // a pipe takes so much whole
export const ACCESS_LOG_BLOCK_BYTES: number = 64 * KIB; // written when full ...
export const ACCESS_LOG_FLUSH_MS = 250; // ... or so long after the first of its lines
export const ACCESS_LOG_BYTES_MAX: number = 8 * MIB; // of a worker and file
export const ACCESS_LOG_RETRY_MS = 1_000; // after an error
export const ACCESS_LOG_CLOSE_MS = 2_000; // at the end, for what is still to be written
export const REQUEST_ID_CHARACTERS_MAX = 64; // of X-Request-Id: another is generated

// Log. Lines about slow requests, and about handlers that failed, each of a worker.
export const LINES_PER_WINDOW_MAX = 10; // the rest is counted
export const LINE_WINDOW_MS = 10_000;

// Times
export const HEARTBEAT_INTERVAL_MS = 30_000; // by default: given up after three of them in silence
export const HEARTBEAT_MISSES = 3;
export const HEAD_TIMEOUT_MS = 10_000; // whole head, from its first byte: 408; TLS handshake: close
export const BODY_WINDOW_MS = 10_000; // in each such stretch of a request body ...
export const BODY_WINDOW_BYTES_MIN: number = 10 * KIB; // ... so many bytes must arrive: 408
export const IDLE_TIMEOUT_MS = 60_000; // keep-alive: silent close
export const WRITE_STALL_MS = 30_000; // in each such stretch of an answer that waits ...
export const WRITE_BYTES_MIN: number = 8 * KIB; // ... the peer must take so much: close
export const LINGER_MS = 2_000; // after our FIN, for the peer's; fixed, it only saves answers
export const DRAIN_TIMEOUT_MS = 10_000; // SIGTERM to the end, at most
export const LAST_ACCEPT_MS = 20; // at a stop, for the first bytes of who is connected already
export const DRAIN_QUIET_STOP_MS = 100; // a connection this long silent counts as idle: stop
export const DRAIN_QUIET_RELOAD_MS = 1_000; // the same for a reload, where nothing is urgent

// Messages between workers. A worker that is so far behind makes publish() say false. Fixed: the
// rings are laid out before anything is known of the service.
export const MAIL_RING_BYTES: number = 256 * KIB; // of each worker; a power of two
export const MAIL_BYTES_MAX: number = 64 * KIB; // of one message: RangeError
export const TOPIC_BYTES_MAX = 256; // RangeError
export const MAIL_LOOK_MS = 1_000; // without having been woken
export const MAIL_RECORDS_PER_TURN = 1024; // then sockets get their turn
export const MAILBOXES_PER_WORKER = 4; // lives of one place at a time: 2 drain, 1 serves, 1 comes

// Master
export const READY_TIMEOUT_MS = 30_000; // a worker that is not ready by then has failed
// Fixed: they only keep a service that cannot live from taking the machine.
export const RESPAWN_BACKOFF_MIN_MS = 100; // doubles at each death
export const RESPAWN_BACKOFF_MAX_MS = 10_000;
export const RESPAWN_STABLE_MS = 10_000; // a worker that lived so long resets the back-off
export const START_ATTEMPTS_MAX = 3; // consecutive failures to start before the master gives up

assert(OUTPUT_LOW_WATER_BYTES < OUTPUT_HIGH_WATER_BYTES, "low water must be below high water");
assert(OUTPUT_HIGH_WATER_BYTES < OUTPUT_CAP_BYTES, "high water must be below the cap");
assert(HEADER_BYTES_MAX <= HEAD_BYTES_MAX, "one field line must fit in the head");
assert(HEAD_BYTES_MAX < INPUT_HIGH_WATER_BYTES, "by default heads wait below the mark");
assert(HEAD_BYTES_LIMIT_MAX < IO_BUF_CLASS_BYTES.at(-1)!, "a head must fit into an io_buf");

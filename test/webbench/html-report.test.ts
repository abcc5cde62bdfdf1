import { describe, expect, test } from "bun:test";
import { htmlReport } from "../../src/webbench/html-report.ts";
import { countsReport, sampleResult } from "./sample-result.ts";

const hostile = "http://h/</script><img src=x onerror=alert(1)>";
const result = sampleResult([countsReport({ 1: 90, 2: 3 }, 5)], { urls: [hostile] });

describe("htmlReport", () => {
  const page = htmlReport(result);

  test("needs nothing but itself", () => {
    expect(page).toStartWith("<!doctype html>");
    expect(page).toContain("uPlot");
    expect(page).not.toMatch(/(?:src|href)\s*=\s*["']?(?:https?:)?\/\//);
    expect(page).not.toContain("<link");
  });

  test("shows the figures, and the report as the terminal had it", () => {
    expect(page).toContain("<b>5.00 ms</b><span>p99</span>");
    expect(page).toContain('class="card bad"><b>3</b><span>failed</span>');
    expect(page).toContain("Requests: 90 susceed, 3 failed.");
  });

  test("escapes what comes from the run", () => {
    expect(page).not.toContain("<img");
    expect(page).toContain("&lt;/script&gt;&lt;img");
    expect(page.match(/<script>/g)).toHaveLength(2);
    expect(page.match(/<\/script>/g)).toHaveLength(2);
  });

  test("is whole for a run without an answer", () => {
    expect(htmlReport(sampleResult([]))).toContain("</html>");
  });
});

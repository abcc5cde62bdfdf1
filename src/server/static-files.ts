// A folder served as a site, by one listener in one worker: from the path of a request to the file
// that answers it. A folder without its slash is sent there, one without an index may be listed,
// and what a single-page application takes for its own is answered with its page. Whatever is not
// here falls through (false): the application goes on with fetch, or 404.

import type { Reactor } from "../net/reactor.ts";
import { answerStatus } from "./answer.ts";
import type { HttpRequest } from "./http-request.ts";
import type { HttpResponse } from "./http-response.ts";
import { LISTING_POLICY, renderListing } from "./static-listing.ts";
import { OPEN_ABSENT, OPEN_FOLDER } from "./static-open.ts";
import { resolveStaticOptions, type StaticOptions, type StaticSettings } from "./static-options.ts";
import { decodePath, folderLocation, hasExtension } from "./static-path.ts";
import { StaticResponder } from "./static-responder.ts";
import { StaticSite, statusOfFailure } from "./static-site.ts";
import type { SiteFile } from "./static-site-file.ts";

export class StaticFiles {
  readonly site: StaticSite;
  private readonly settings: StaticSettings;
  private readonly responder: StaticResponder;

  /** Throws TypeError or RangeError for wrong options, MillraceError where no such folder is. */
  constructor(options: string | StaticOptions, reactor: Reactor) {
    this.settings = resolveStaticOptions(options);
    this.site = new StaticSite(this.settings, reactor);
    this.responder = new StaticResponder(this.site, reactor);
  }

  /** Answers GET and HEAD; false when there is no such file here. */
  handle(request: HttpRequest, response: HttpResponse): unknown {
    const { parser, head, headAt } = request;
    const { cache } = this.site;
    cache.relieve();
    const start = headAt + parser.pathStart;
    const known = cache.find(head, start, headAt + parser.pathEnd, parser.pathHash);
    if (known !== null && this.site.isRecent(known)) return this.answer(known, request, response);
    const path = decodePath(request.path);
    return path === null ? false : this.answerPath(path, request, response);
  }

  /** Gives back memory and descriptors that are kept for coming requests. */
  close(): void {
    this.site.cache.clear();
  }

  private answerPath(path: string, request: HttpRequest, response: HttpResponse): unknown {
    const found = this.site.find(path);
    if (typeof found !== "number") return this.answer(found, request, response);
    if (found === OPEN_FOLDER) return this.answerFolder(path, request, response);
    if (found === OPEN_ABSENT) return this.fallBack(path, request, response);
    return answerStatus(response, statusOfFailure(found));
  }

  private answerFolder(path: string, request: HttpRequest, response: HttpResponse): unknown {
    if (!path.endsWith("/")) {
      return response.redirect(folderLocation(request.path, request.queryString), 301);
    }
    const page = this.settings.listing ? renderListing(this.settings.root, path) : null;
    if (page === null) return this.fallBack(path, request, response);
    response.addField("Cache-Control", "no-cache");
    response.addField("Content-Security-Policy", LISTING_POLICY);
    response.addField("X-Content-Type-Options", "nosniff");
    return response.html(page);
  }

  /** A place in a single-page application is answered with its page. */
  private fallBack(path: string, request: HttpRequest, response: HttpResponse): unknown {
    const { spa } = this.settings;
    if (spa === "" || hasExtension(path)) return false;
    const found = this.site.find(spa);
    return typeof found === "number" ? false : this.answer(found, request, response);
  }

  /** A file that turns out to have been replaced since we looked is found once more. */
  private answer(file: SiteFile, request: HttpRequest, response: HttpResponse): unknown {
    const result = this.responder.answer(file, request, response);
    if (!file.cached) file.release();
    if (result === false) return this.answerAgain(file, request, response);
    if (!(result instanceof Promise)) return result;
    return result.then((later) => {
      return later === false ? this.answerAgain(file, request, response) : later;
    });
  }

  private async answerAgain(
    file: SiteFile,
    request: HttpRequest,
    response: HttpResponse,
  ): Promise<unknown> {
    this.site.forget(file);
    const found = this.site.find(file.path);
    if (typeof found === "number") return answerStatus(response, statusOfFailure(found));
    const result = await this.responder.answer(found, request, response);
    if (!found.cached) found.release();
    if (result === false) answerStatus(response, 503); // it changes faster than it can be read
    return result;
  }
}

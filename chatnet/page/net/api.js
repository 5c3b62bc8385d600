/** @file What is asked by HTTP: who one is, and all that has to do with secrets. */

/** Milliseconds that an answer may take. A password takes the server a tenth of a second, and there may be a queue. */
const LONGEST_REQUEST = 20_000;

/**
 * @param {"GET" | "POST" | "DELETE"} method
 * @param {string} path
 * @param {unknown} [body]
 * @param {string} [key]
 * @returns {Promise<import("../state/ports.js").Answer>}
 */
export async function askServer(method, path, body, key) {
  const answer = await fetch(`/api/v1${path}`, {
    method,
    cache: "no-store",
    credentials: "same-origin",
    redirect: "error",
    signal: AbortSignal.timeout(LONGEST_REQUEST),
    ...(method === "GET"
      ? {}
      : {
          headers: { "Content-Type": "application/json", ...(key ? { "Idempotency-Key": key } : {}) },
          body: JSON.stringify(body ?? {}),
        }),
  });
  const json = await answer.json().catch(() => null);
  const seconds = Number(answer.headers.get("Retry-After") ?? 0);
  return { status: answer.status, body: json, later: Number.isFinite(seconds) ? seconds * 1000 : 0 };
}

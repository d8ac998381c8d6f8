// @ts-check
// Keeps the state of an order up to date. Without it the page reloads itself.
//
// Polling, not a stream: an order settles within seconds, a stream would hold one of the
// server's few places for as long as the page stays open, and nothing has to be closed
// when the server drains.

const FIRST_WAIT = 400;
const LONGEST_WAIT = 5000;

const region = document.querySelector("[data-progress]");
const trouble = document.querySelector("[data-trouble]");

/**
 * Ask once and show the answer.
 * @param {HTMLElement} shown
 * @returns {Promise<boolean>} Whether the order is settled.
 */
async function look(shown) {
  const answer = await fetch(shown.dataset.progress ?? "", {
    headers: { accept: "text/html" },
    signal: AbortSignal.timeout(8000),
  });
  if (!answer.ok) throw new Error(`answered ${answer.status}`);
  const parsed = new DOMParser().parseFromString(await answer.text(), "text/html");
  const next = parsed.querySelector(".progress");
  const now = shown.querySelector(".progress");
  if (!(next instanceof HTMLElement) || !(now instanceof HTMLElement)) {
    throw new Error("answered something else");
  }
  // Replaced only when it says something new, so that it is read out once.
  if (next.dataset.status !== now.dataset.status) {
    next.dataset.news = "";
    now.replaceWith(next);
  }
  return next.dataset.settled !== undefined;
}

/** Resolve after some time, and not before the page is looked at again. */
async function pause(/** @type {number} */ milliseconds) {
  await new Promise((resolve) => setTimeout(resolve, milliseconds));
  while (document.hidden) {
    await new Promise((resolve) =>
      document.addEventListener("visibilitychange", resolve, { once: true }),
    );
  }
}

/**
 * Look again and again, less often as time passes, until the order is settled.
 * @param {HTMLElement} shown
 */
async function watch(shown) {
  let wait = FIRST_WAIT;
  for (;;) {
    await pause(wait);
    wait = Math.min(wait * 1.3, LONGEST_WAIT);
    let unseen = false;
    try {
      if (await look(shown)) return;
    } catch {
      unseen = true;
    }
    if (trouble instanceof HTMLElement) trouble.hidden = !unseen;
  }
}

if (region instanceof HTMLElement) await watch(region);
if (trouble instanceof HTMLElement) trouble.hidden = true;

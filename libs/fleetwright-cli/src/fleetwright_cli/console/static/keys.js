// @ts-check
// The keyboard: / searches, g and a letter goes to a page, j and k walk, p pauses.

let gone = false;

/** @param {EventTarget | null} target */
const writes = (target) => target instanceof HTMLElement && /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName);

/** @param {number} step */
function walk(step) {
  const rows = [...document.querySelectorAll('tbody tr, .row[id], .line')];
  const here = rows.findIndex((row) => row.contains(document.activeElement) || row.classList.contains('marked'));
  const next = rows[Math.max(0, Math.min(rows.length - 1, here + step))];
  rows[here]?.classList.remove('marked');
  next?.classList.add('marked');
  next?.scrollIntoView({ block: 'nearest' });
  /** @type {HTMLElement | null} */ (next?.querySelector('a, button'))?.focus({ preventScroll: true });
}

document.addEventListener('keydown', (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (writes(event.target)) {
    if (event.key === 'Escape') /** @type {HTMLElement} */ (event.target).blur();
    return;
  }
  if (gone) {
    gone = false;
    const link = document.querySelector(`.rail a[data-key="${CSS.escape(event.key)}"]`);
    if (link instanceof HTMLAnchorElement) link.click();
    return;
  }
  const acts = {
    '/': () => /** @type {HTMLElement | null} */ (document.querySelector('.search input'))?.focus(),
    g: () => (gone = true),
    j: () => walk(1),
    k: () => walk(-1),
    p: () => /** @type {HTMLElement | null} */ (document.querySelector('[data-pause]'))?.click(),
  };
  if (event.key in acts) {
    event.preventDefault();
    acts[event.key]();
  }
});

// @ts-check
// <fw-live part="logs" on="logs">: asks for its part again when there is news of it.

const listeners = new Set();
let source = /** @type {EventSource | null} */ (null);

/** @param {Iterable<string>} kinds */
export function tell(kinds) {
  for (const listener of listeners) listener.heard(kinds);
}

export const isPaused = () => new URLSearchParams(location.search).has('paused');

function listen() {
  if (source || isPaused()) return;
  source = new EventSource('/stream');
  source.addEventListener('news', (event) => tell(JSON.parse(event.data)));
  // After a break nobody knows what was missed.
  source.addEventListener('open', () => tell(['again']));
}

/**
 * Make one tree like another, and touch only what differs: focus and scrolling stay.
 * @param {Element} old
 * @param {Element} fresh
 */
export function morph(old, fresh) {
  for (const { name } of [...old.attributes]) if (!fresh.hasAttribute(name)) old.removeAttribute(name);
  for (const { name, value } of [...fresh.attributes]) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  const named = new Map();
  for (const child of old.children) if (child.id) named.set(child.id, child);
  let at = old.firstChild;
  for (const wanted of [...fresh.childNodes]) {
    const known = wanted instanceof Element && wanted.id ? named.get(wanted.id) : null;
    if (known && known !== at) old.insertBefore(known, at);
    const here = known ?? at;
    if (here && alike(here, wanted)) {
      if (here instanceof Element) morph(here, /** @type {Element} */ (wanted));
      else if (here.nodeValue !== wanted.nodeValue) here.nodeValue = wanted.nodeValue;
      at = here.nextSibling;
    } else {
      old.insertBefore(wanted, at);
    }
  }
  while (at) {
    const next = at.nextSibling;
    at.remove();
    at = next;
  }
}

/** @param {ChildNode} one @param {ChildNode} other */
function alike(one, other) {
  if (one.nodeType !== other.nodeType || one.nodeName !== other.nodeName) return false;
  return !(one instanceof Element) || one.id === /** @type {Element} */ (other).id;
}

class Live extends HTMLElement {
  connectedCallback() {
    this.kinds = new Set((this.getAttribute('on') ?? '').split(' '));
    this.busy = false;
    this.again = false;
    listeners.add(this);
    listen();
    this.stick(true);
    if (this.hasAttribute('late')) this.refresh();
    const every = Number(this.getAttribute('every'));
    if (every) this.timer = setInterval(() => !document.hidden && !isPaused() && this.refresh(), every * 1000);
  }

  disconnectedCallback() {
    listeners.delete(this);
    clearInterval(this.timer);
  }

  /** @param {Iterable<string>} kinds */
  heard(kinds) {
    if (document.hidden || this.kinds.has('never')) return;
    for (const kind of kinds) if (this.kinds.has(kind) || (kind === 'again' && this.seen)) return void this.refresh();
    this.seen = true;
  }

  /** One question at a time: news that come meanwhile make one more. */
  async refresh() {
    if (this.busy) return void (this.again = true);
    this.busy = true;
    try {
      const fixed = new URLSearchParams(this.getAttribute('with') ?? '');
      const query = new URLSearchParams(location.search);
      for (const name of new Set(fixed.keys())) query.delete(name);
      for (const [name, value] of fixed) query.append(name, value);
      const answer = await fetch(`/part/${this.getAttribute('part')}?${query}`);
      if (answer.ok) this.show(await answer.text());
    } catch {
      // The console is away; the stream tells when it is back.
    } finally {
      this.busy = false;
    }
    if (this.again) {
      this.again = false;
      setTimeout(() => this.refresh(), 300);
    }
  }

  /** @param {string} text */
  show(text) {
    const fresh = /** @type {Element} */ (this.cloneNode(false));
    const page = new DOMParser().parseFromString(`<body>${text}</body>`, 'text/html');
    fresh.append(...page.body.childNodes);
    const stuck = this.stuck();
    morph(this, fresh);
    this.stick(stuck);
    this.dispatchEvent(new CustomEvent('shown', { bubbles: true }));
  }

  stuck() {
    const box = this.querySelector('[data-stick]');
    return !box || box.scrollHeight - box.scrollTop - box.clientHeight < 40;
  }

  /** @param {boolean} stuck */
  stick(stuck) {
    const box = this.querySelector('[data-stick]');
    if (box && stuck) box.scrollTop = box.scrollHeight;
  }
}

customElements.define('fw-live', Live);
document.addEventListener('visibilitychange', () => !document.hidden && !isPaused() && tell(['again']));
addEventListener('pagehide', () => source?.close());

// @ts-check
// <fw-chart>: says what the lines show where the pointer is.

class Chart extends HTMLElement {
  connectedCallback() {
    this.addEventListener('pointermove', (event) => this.point(event));
    this.addEventListener('pointerleave', () => this.say(''));
  }

  /** @param {PointerEvent} event */
  point(event) {
    const lines = this.querySelector('.curves')?.getBoundingClientRect();
    const slots = this.values('slots');
    if (!lines || !slots.length) return;
    const share = (event.clientX - lines.left) / lines.width;
    const at = Math.max(0, Math.min(slots.length - 1, Math.round(share * (slots.length - 1))));
    const time = new Date(slots[at] * 1000).toTimeString().slice(0, 8);
    const slow = this.values('slow')[at];
    this.say(`${time}\n${this.values('rate')[at]} req/s\np95 ${slow === null ? '–' : `${slow} ms`}\n${this.values('errors')[at]}% errors`);
    const words = /** @type {HTMLElement} */ (this.querySelector('output'));
    words.style.left = `${Math.min(event.clientX - this.getBoundingClientRect().left + 14, this.clientWidth - 130)}px`;
  }

  /** @param {string} name @returns {any[]} */
  values(name) {
    return JSON.parse(this.dataset[name] ?? '[]');
  }

  /** @param {string} text */
  say(text) {
    const words = this.querySelector('output');
    if (words) words.textContent = text;
  }
}

customElements.define('fw-chart', Chart);

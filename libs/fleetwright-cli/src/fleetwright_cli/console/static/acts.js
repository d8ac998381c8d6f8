// @ts-check
// What a person has done: asked first where something stops, told afterwards.
import { tell } from './live.js';

const told = /** @type {HTMLElement} */ (document.getElementById('told'));
const sure = /** @type {HTMLDialogElement} */ (document.getElementById('sure'));

/** @param {string} text */
function say(text) {
  told.textContent = text;
  setTimeout(() => told.textContent === text && (told.textContent = ''), 6000);
}

/**
 * @param {string} path
 * @param {object} body
 * @returns {Promise<any>}
 */
async function post(path, body) {
  const headers = { 'Content-Type': 'application/json', 'X-Fleet-Console': '1' };
  const answer = await fetch(path, { method: 'POST', headers, body: JSON.stringify(body) });
  const found = answer.headers.get('content-type')?.includes('json') ? await answer.json() : { error: { message: await answer.text() } };
  if (!answer.ok) throw new Error([found.error?.message, found.error?.hint].filter(Boolean).join(': ') || `${answer.status}`);
  return found;
}

/**
 * @param {string} question
 * @param {string} verb
 */
function agreed(question, verb) {
  /** @type {HTMLElement} */ (sure.querySelector('p')).textContent = question;
  /** @type {HTMLElement} */ (sure.querySelector('.danger')).textContent = verb;
  sure.returnValue = '';
  sure.showModal();
  return new Promise((done) => sure.addEventListener('close', () => done(sure.returnValue === 'yes'), { once: true }));
}

/**
 * @param {HTMLButtonElement | null} button
 * @param {() => Promise<string>} act
 */
async function doing(button, act) {
  if (button) button.disabled = true;
  try {
    say(await act());
  } catch (error) {
    say(String(/** @type {Error} */ (error).message));
  } finally {
    if (button) button.disabled = false;
    tell(['resources', 'faults', 'events', 'checks', 'levels']);
  }
}

const questions = {
  restart: (name) => [`Drain ${name} and start it again? Calls that come meanwhile fail.`, 'Restart'],
  stop: (name) => [`Drain ${name} and leave it stopped? Its callers go without it.`, 'Stop'],
};

document.addEventListener('click', async (event) => {
  const button = /** @type {HTMLElement} */ (event.target).closest?.('button');
  if (!(button instanceof HTMLButtonElement)) return;
  const { act, name, replay, clear } = button.dataset;
  if (act) {
    const question = questions[act]?.(name);
    if (question && !(await agreed(question[0], question[1]))) return;
    await doing(button, async () => {
      const done = await post(`/api/resources/${name}/${act}`, {});
      return done.services.map((it) => `${it.name} is ${it.state}`).join(', ');
    });
  } else if (replay !== undefined) {
    const ids = replay.split(' ');
    await doing(button, async () => {
      const done = await post('/api/events/replay', { ids });
      const moved = Object.values(done.services).flatMap((it) => [...it.retried, ...it.resent]);
      return done.failed[0] ?? `${moved.length} of ${ids.length} tried again`;
    });
  } else if (button.dataset.level) {
    await doing(button, async () => {
      const done = await post(`/api/resources/${name}/level`, { level: button.dataset.level });
      return done.services.map((it) => `${it.name} logs ${(it.level ?? '?').toLowerCase()}`).join(', ');
    });
  } else if (button.dataset.check !== undefined) {
    await doing(button, async () => ((await post('/api/checks/again', {})).checking ? 'Checking' : 'It is being checked already'));
  } else if (clear !== undefined) {
    await doing(button, async () => `${(await post('/api/faults/clear', clear ? { id: clear } : {})).cleared.length} switched off`);
  }
});

document.addEventListener('submit', async (event) => {
  const form = /** @type {HTMLFormElement} */ (event.target);
  if (!('fault' in form.dataset) && !('call' in form.dataset)) return;
  event.preventDefault();
  const given = Object.fromEntries([...new FormData(form)].filter(([, value]) => value !== ''));
  const button = form.querySelector('button');
  if ('fault' in form.dataset) {
    const edge = `${given.caller}->${given.provider}`;
    await doing(button, async () => `${(await post('/api/faults', { ...given, edge })).id} is on: ${edge}`);
    return;
  }
  const place = /** @type {HTMLElement} */ (document.getElementById('answer'));
  await doing(button, async () => {
    const done = await post('/api/call', given);
    const head = document.createElement('h2');
    head.append(`${done.status} in ${done.milliseconds} ms `);
    const link = document.createElement('a');
    link.className = 'to';
    link.href = `/traces/${done.trace}`;
    link.textContent = 'open the trace';
    head.append(link);
    const body = document.createElement('pre');
    body.textContent = pretty(done.body);
    place.replaceChildren(head, body);
    return `${given.method} answered ${done.status}`;
  });
});

/** @param {string} text */
function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

document.addEventListener('change', (event) => {
  const form = /** @type {HTMLElement} */ (event.target).closest?.('form[data-submit]');
  if (form instanceof HTMLFormElement) form.requestSubmit();
});

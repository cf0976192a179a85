// Hiding what is known and meant: a suppression out of an incident, tried over past incidents before it is made.

import { el, number } from './dom.js';
import { json } from './rest.js';

const count = (n) => (n === 0 ? 'no past incident as a whole: other detectors saw the same' : n === 1 ? '1 past incident' : `${number(n)} past incidents`);
const ends = [['7', 'for a week'], ['30', 'for a month'], ['90', 'for three months']];

// suppression is the form, null for an incident that no suppression can be about. done is called when one was made.
export function suppression(incident, done) {
  const { type, value } = incident.entity;
  const about = { user: { user: value }, client_ip: { cidr: value }, endpoint: { route: incident.route, service: incident.service }, service: { service: value } }[type];
  if (!about || (type === 'endpoint' && !incident.route)) return null;
  const answer = el('p', { role: 'status' });
  const make = el('button', { type: 'submit', class: 'main', disabled: true }, 'Suppress');
  const form = el('form', { class: 'note-form' },
    el('label', {}, el('input', { type: 'checkbox', name: 'detector', checked: true }), ` only of ${incident.detector}`),
    el('select', { name: 'days', 'aria-label': 'End' }, ends.map(([days, text]) => el('option', { value: days }, text))),
    el('input', { name: 'reason', required: true, maxlength: 1000, placeholder: 'Why is it meant? Who said so?', 'aria-label': 'Reason' }),
    el('div', { class: 'actions tight' }, el('button', { type: 'button', onclick: () => attempt() }, 'Try it on past incidents'), make), answer);

  function body() {
    const f = new FormData(form);
    return { ...about, ...(f.get('detector') ? { detector: incident.detector } : {}), reason: f.get('reason'),
      expires_at: new Date(Date.now() + Number(f.get('days')) * 86400e3).toISOString() };
  }

  function say(text, name) {
    answer.className = name;
    answer.textContent = text;
  }

  async function attempt() {
    if (!form.reportValidity()) return;
    try {
      const tried = await json('/v1/suppressions?dry_run=true', { method: 'POST', body: body() });
      const titles = tried.incidents.slice(0, 3).map((i) => i.title).join('; ');
      say(`It would have hidden ${count(tried.total)}${titles ? `: ${titles}` : ''}.`, 'verdict differs');
      make.disabled = false;
    } catch (error) {
      say(error.message, 'error');
    }
  }

  form.addEventListener('input', () => { make.disabled = true; }); // what is made is what was tried
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    make.disabled = true;
    try {
      await json('/v1/suppressions', { method: 'POST', body: body() });
      done();
    } catch (error) {
      say(error.message, 'error');
    }
  });
  return el('details', {}, el('summary', {}, 'Suppress: hide what is known and meant'), form);
}

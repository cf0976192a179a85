// The inventory: what endpoints there are, how sensitive, with which credentials they are called, and whether the OpenAPI
// document knows them. A row opens to show more and to say what the endpoint is.

import { ago, byId, el, number, words } from './dom.js';
import { chart } from './chart.js';
import { entityLink } from './entity.js';
import { call, json, Refused } from './rest.js';

const pageSize = 100;
const columns = 12;

export class Endpoints {
  constructor() {
    this.items = [];
    this.open = '';
    this.turn = 0;
    this.form = byId('endpoint-filters');
    let pending;
    const again = () => { clearTimeout(pending); pending = setTimeout(() => this.load(), 150); };
    this.form.addEventListener('input', again);
    this.form.addEventListener('submit', (e) => { e.preventDefault(); this.load(); });
    byId('more-endpoints').addEventListener('click', () => this.load(this.next));
    byId('access-report').addEventListener('click', (e) => this.report(e.target));
  }

  query() {
    const query = new URLSearchParams();
    for (const [name, value] of new FormData(this.form)) {
      if (value.trim() !== '') query.set(name, value.trim());
    }
    return query;
  }

  async load(cursor = '') {
    const turn = ++this.turn;
    const query = this.query();
    query.set('limit', pageSize);
    if (cursor) query.set('cursor', cursor);
    try {
      const page = await json(`/v1/endpoints?${query}`);
      if (turn !== this.turn) return;
      this.items = cursor ? [...this.items, ...page.endpoints] : page.endpoints;
      this.next = page.next_cursor ?? '';
      this.total = page.total;
      this.since = page.counted_since;
      this.fail('');
    } catch (error) {
      if (turn !== this.turn) return;
      this.fail(error.message);
    }
    this.show();
  }

  fail(message) { byId('endpoint-error').textContent = message; }

  show() {
    const since = this.since ? `, counted since ${this.since.slice(0, 10)}` : '';
    byId('endpoint-count').textContent = this.total ? `${number(this.total)} endpoint${this.total === 1 ? '' : 's'}${since}` : 'No endpoints match.';
    byId('endpoints').replaceChildren(...this.items.flatMap((e) => (e.id === this.open ? [this.row(e), this.more(e)] : [this.row(e)])));
    byId('more-endpoints').hidden = !this.next;
  }

  row(e) {
    const callers = e.callers ?? { users: 0, clients: 0 };
    return el('tr', {},
      el('td', {}, el('button', {
        type: 'button', class: 'route', 'aria-expanded': String(e.id === this.open),
        onclick: () => { this.open = e.id === this.open ? '' : e.id; this.show(); },
      }, `${e.method} ${e.route}`)),
      el('td', {}, e.service),
      el('td', {}, el('span', { class: `tag ${e.sensitivity}` }, e.sensitivity)),
      el('td', {}, e.standing && el('span', { class: `tag ${e.standing}` }, e.standing)),
      el('td', {}, e.type), el('td', {}, e.owner), el('td', { class: 'words' }, e.data.map(words).join(', ')),
      el('td', { class: 'words' }, Object.keys(e.auth).sort().join(', ')), el('td', {}, Object.keys(e.tls).sort().join(', ')),
      el('td', { class: 'n' }, number(e.requests)),
      el('td', { class: 'n', title: `${number(callers.users)} users, ${number(callers.clients)} clients without one` }, number(callers.users + callers.clients)),
      el('td', {}, e.last_seen ? ago(e.last_seen) : 'never'));
  }

  more(e) {
    const tally = (map) => Object.entries(map).map(([name, n]) => `${name}: ${number(n)}`).join(', ') || 'none';
    const line = (name, text) => el('p', {}, el('strong', {}, `${name}: `), text);
    const select = (name, list, value) => el('select', { name, 'aria-label': name },
      ['', ...list].map((v) => el('option', { value: v, selected: v === value }, v || `${name} as inferred`)));
    const said = (name) => (e.overridden.includes(name) ? e[name] : '');
    const form = el('form', { onsubmit: (event) => { event.preventDefault(); this.save(e, new FormData(form)); } },
      el('input', { name: 'owner', placeholder: 'Owner', 'aria-label': 'Owner', maxlength: 200, value: e.owner }),
      select('type', ['public', 'partner', 'internal'], said('type')),
      select('sensitivity', ['low', 'medium', 'high'], said('sensitivity')),
      el('input', { name: 'data', placeholder: 'Data, separated by commas', 'aria-label': 'Data', value: e.overridden.includes('data') ? e.data.join(', ') : '' }),
      el('button', { type: 'submit' }, 'Save'));
    return el('tr', { class: 'more' }, el('td', { colspan: columns },
      line('Statuses', tally(e.statuses)), line('Known by', tally(e.auth)), line('TLS', tally(e.tls)), line('Methods of the route', e.methods.join(', ')),
      line('Callers', e.callers ? `${number(e.callers.users)} users, ${number(e.callers.clients)} clients without one` : 'none'),
      line('Inferred from', e.reasons.join(', ') || 'nothing'), e.operation && line('Document', `${e.method} ${e.operation}`),
      el('p', {}, el('a', { href: entityLink({ type: 'endpoint', value: `${e.method} ${e.route}` }, e.service) }, 'Incidents and profile of this endpoint')),
      this.hours(e), form));
  }

  // hours draws the endpoint's week beside what is expected, once the server has answered.
  hours(e) {
    const place = el('div');
    json(`/v1/endpoints/${e.id}`).then((full) => {
      place.append((full.series && chart(full.series)) ?? el('p', {}, 'No requests in the last week.'));
    }, (error) => place.append(el('p', { class: 'error', role: 'alert' }, error.message)));
    return place;
  }

  async save(e, form) {
    const data = form.get('data').split(',').map((w) => w.trim()).filter(Boolean);
    const body = { owner: form.get('owner').trim(), type: form.get('type'), sensitivity: form.get('sensitivity'), data };
    try {
      await json(`/v1/endpoints/${e.id}`, { method: 'PATCH', body, headers: { 'If-Match': `"${e.version}"` } });
      await this.load();
    } catch (error) {
      if (error instanceof Refused && error.status === 412) await this.load();
      this.fail(error instanceof Refused && error.status === 412 ? 'Somebody else changed it; this is how it stands now.' : error.message);
    }
  }

  // report saves the access report of the last 30 days, for the sensitivity that is chosen.
  async report(button) {
    button.disabled = true;
    try {
      const sensitivity = this.query().get('sensitivity') ?? 'high';
      const response = await call(`/v1/reports/access?format=html&sensitivity=${encodeURIComponent(sensitivity)}`);
      const name = /filename="([\w.-]+)"/.exec(response.headers.get('Content-Disposition') ?? '')?.[1] ?? 'access.html';
      const url = URL.createObjectURL(await response.blob());
      el('a', { href: url, download: name }).click();
      URL.revokeObjectURL(url);
      this.fail('');
    } catch (error) {
      this.fail(error.message);
    }
    button.disabled = false;
  }
}

// The list of incidents: filters, pages, and changes as they come.

import { ago, byId, el, number, words } from './dom.js';
import { json } from './rest.js';

const closed = new Set(['resolved', 'false_positive']);
const pageSize = 50;

export class List {
  constructor(choose) {
    this.choose = choose;
    this.items = new Map();
    this.fresh = new Set();
    this.chosen = '';
    this.turn = 0;
    this.form = byId('filters');
    let pending;
    const again = () => { clearTimeout(pending); pending = setTimeout(() => this.load(), 150); };
    this.form.addEventListener('input', again);
    this.form.addEventListener('submit', (e) => { e.preventDefault(); this.load(); });
    byId('more').addEventListener('click', () => this.load(this.next));
  }

  filters() {
    const query = new URLSearchParams();
    for (const [name, value] of new FormData(this.form)) {
      if (value.trim() !== '') query.set(name, value.trim());
    }
    return query;
  }

  async load(cursor = '') {
    const turn = ++this.turn;
    const query = this.filters();
    query.set('limit', pageSize);
    if (cursor) query.set('cursor', cursor);
    try {
      const page = await json(`/v1/incidents?${query}`);
      if (turn !== this.turn) return;
      if (!cursor) this.items.clear();
      for (const incident of page.incidents) this.items.set(incident.id, incident);
      this.next = page.next_cursor ?? '';
      this.total = page.total;
      byId('list-error').textContent = '';
    } catch (error) {
      if (turn !== this.turn) return;
      byId('list-error').textContent = error.message;
    }
    this.show();
  }

  // take brings a change into the list, when the filters select it.
  take(incident) {
    const known = this.items.get(incident.id);
    if (known && known.version >= incident.version) return;
    const selected = this.selects(incident);
    if (selected) {
      this.items.set(incident.id, incident);
      this.fresh.add(incident.id);
      if (!known) this.total += 1;
    } else if (this.items.delete(incident.id)) {
      this.total -= 1;
    }
    this.show();
  }

  selects(incident) {
    const f = Object.fromEntries(this.filters());
    const among = (list, value) => !list || list.split(',').includes(value);
    const text = [incident.title, incident.explanation, incident.entity.value, incident.route ?? ''].join('\n').toLowerCase();
    return among(f.status, incident.status) && among(f.severity, incident.severity) && among(f.kind, incident.kind) && among(f.outcome, incident.outcome)
      && (!f.q || text.includes(f.q.toLowerCase())) && (!f.since || Date.parse(incident.last_seen) >= Date.now() - span(f.since));
  }

  ordered() {
    const sort = new FormData(this.form).get('sort');
    const name = sort.replace(/^-/, '');
    const sign = sort.startsWith('-') ? -1 : 1;
    const value = (i) => (name.endsWith('_seen') ? Date.parse(i[name]) : i[name]);
    return [...this.items.values()].sort((a, b) => sign * (value(a) - value(b)) || (a.id < b.id ? -1 : 1));
  }

  show() {
    const total = this.total ?? 0;
    byId('count').textContent = total === 0 ? 'No incidents match.' : `${number(total)} incident${total === 1 ? '' : 's'}`;
    byId('incidents').replaceChildren(...this.ordered().map((i) => this.row(i)));
    byId('more').hidden = !this.next;
    this.fresh.clear();
  }

  row(incident) {
    const name = ['incident', incident.severity, closed.has(incident.status) && 'closed',
      incident.kind === 'operational' && 'operational',
      incident.id === this.chosen && 'chosen', this.fresh.has(incident.id) && 'fresh'].filter(Boolean).join(' ');
    const meta = [incident.severity, words(incident.status), `${number(incident.event_count)} events`, ago(incident.last_seen)];
    if (incident.kind === 'operational') meta.splice(2, 1, 'log pipeline');
    if (incident.service) meta.push(incident.service);
    const outcome = incident.outcome && el('span', { class: `outcome ${incident.outcome}`, title: incident.outcome_reason }, words(incident.outcome));
    return el('li', {}, el('button', {
      type: 'button', class: name, 'aria-current': incident.id === this.chosen ? 'true' : undefined,
      onclick: () => this.choose(incident.id),
    },
    el('span', { class: 'score', title: 'score, 0 to 100' }, String(incident.score)),
    el('span', { class: 'title' }, incident.title),
    el('span', { class: 'meta' }, outcome, meta.join(' · '))));
  }

  mark(id) {
    this.chosen = id;
    this.show();
  }
}

function span(text) {
  const unit = { h: 3600e3, d: 86400e3 }[text.slice(-1)];
  return Number(text.slice(0, -1)) * unit;
}

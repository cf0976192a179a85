// What Gatewatch can see: the sources with what is wrong with each, and the detectors with what turns them off.

import { ago, byId, el, number, words } from './dom.js';
import { json } from './rest.js';

const lookEvery = 5000; // milliseconds, while the page is shown

export class Sources {
  constructor() {
    this.pane = byId('sources');
    this.search = byId('detector-search');
    this.search.addEventListener('input', () => this.showDetectors());
  }

  async show() {
    this.hide();
    this.timer = setInterval(() => this.look(), lookEvery);
    await this.look();
  }

  hide() {
    clearInterval(this.timer);
    this.timer = undefined;
  }

  async look() {
    const turn = this.timer;
    try {
      const [sources, detectors] = await Promise.all([json('/v1/sources'), json('/v1/detectors')]);
      if (turn !== this.timer) return;
      this.detectors = detectors.detectors;
      byId('source-error').textContent = '';
      byId('source-cards').replaceChildren(...(sources.sources.length ? sources.sources.map(card)
        : [el('p', {}, 'No log was read yet. Name one under inputs in the configuration, or let an agent ship one: docs/ingest.md shows how.')]));
      this.showDetectors();
    } catch (error) {
      if (turn === this.timer) byId('source-error').textContent = error.message;
    }
  }

  showDetectors() {
    const q = this.search.value.trim().toLowerCase();
    const list = (this.detectors ?? []).filter((d) => [d.id, d.title, d.description, d.kind, ...(d.owasp ?? []), ...(d.mitre ?? [])].join('\n').toLowerCase().includes(q));
    byId('detector-count').textContent = `${number(list.length)} detector${list.length === 1 ? '' : 's'}`;
    byId('detectors').replaceChildren(...list.map((d) => el('tr', {},
      el('td', { class: 'words wide' }, el('strong', {}, d.title), el('div', { class: 'dim' }, d.description)),
      el('td', {}, el('span', { class: `tag ${d.severity}` }, d.severity)), el('td', {}, words(d.kind)), el('td', {}, d.learned ? 'learned' : 'rule'),
      el('td', { class: 'words' }, [...(d.owasp ?? []), ...(d.mitre ?? [])].join(', ')), el('td', { class: 'mono' }, d.id))));
  }
}

function card(s) {
  const faults = [];
  if (s.failed > 0) faults.push(`${number(s.failed)} lines could not be read (${(100 * s.failed / Math.max(1, s.lines)).toFixed(1)}%)`);
  if (s.lag_bytes > 0) faults.push(`${number(s.lag_bytes)} bytes of the file wait to be read`);
  if (s.lag_seconds > 300) faults.push(`the newest event was ${ago(s.last_event)}`);
  const off = s.detectors_off ?? [];
  return el('div', { class: `figure ${s.failed > 0 ? 'failing' : ''}` },
    el('div', { class: 'label' }, s.format || 'format not known yet'),
    el('div', { class: 'value small' }, s.source),
    el('div', { class: 'unit' }, `${number(s.lines)} lines, ${number(s.stored)} events stored, last heard of ${s.last_seen ? ago(s.last_seen) : 'never'}`),
    faults.map((text) => el('div', { class: 'error' }, text)),
    off.length > 0 && el('details', {}, el('summary', {}, `${off.length} detector${off.length === 1 ? ' is' : 's are'} off: the log lacks ${s.fields_missing.join(', ')}`),
      el('ul', {}, off.map((d) => el('li', { class: 'unit' }, `${d.id}: needs ${d.missing.join(', ')}`)))));
}

// Notifications: how the channels stand, what each was told, the test and the second try.

import { ago, byId, el, moment, number, words } from './dom.js';
import { json } from './rest.js';

const pageSize = 50;
const lookEvery = 5000; // milliseconds, while the page is shown
const open = new Set(['waiting', 'sending', 'dead']);

export class Notices {
  constructor(back) {
    this.pane = byId('detail');
    this.back = back;
    this.result = el('p', { class: 'verdict', role: 'status' });
  }

  async show() {
    this.hide();
    this.result.textContent = '';
    this.timer = setInterval(() => this.look(), lookEvery);
    await this.look();
  }

  hide() {
    clearInterval(this.timer);
    this.timer = undefined;
    this.drawn = '';
  }

  // look draws what changed since it was drawn last, so that nobody loses their place.
  async look() {
    const turn = this.timer;
    try {
      const [channels, page] = await Promise.all([json('/v1/notifications/channels'), json(`/v1/notifications?limit=${pageSize}`)]);
      const text = JSON.stringify([channels, page]);
      if (turn !== this.timer || text === this.drawn) return;
      this.drawn = text;
      this.draw(channels.channels, page.notifications, page.next_cursor);
    } catch (error) {
      if (turn === this.timer) this.pane.replaceChildren(this.backButton(), el('p', { class: 'error', role: 'alert' }, error.message));
    }
  }

  backButton() {
    return el('button', { type: 'button', class: 'back quiet', onclick: this.back }, '← All incidents');
  }

  draw(channels, list, next) {
    this.rows = el('tbody', {}, list.map((n) => this.row(n)));
    this.pane.replaceChildren(el('div', {},
      this.backButton(),
      el('h2', {}, 'Notifications'),
      channels.length === 0 && el('p', { class: 'sentence' }, 'Nobody is told of incidents: the configuration has no channels. docs/notifications.md shows some.'),
      this.result,
      channels.length > 0 && el('h3', {}, 'Channels'),
      el('div', { class: 'channels' }, channels.map((c) => this.channel(c))),
      el('h3', {}, 'What was told'),
      list.length === 0 ? el('p', { class: 'label' }, 'Nothing yet.') : el('div', { class: 'scroll' }, el('table', {},
        el('thead', {}, el('tr', {}, ['since, UTC', 'channel', 'state', 'changes', 'incident', 'attempts', 'error'].map((h) => el('th', {}, h)))), this.rows)),
      next && this.moreButton(next)));
  }

  channel(c) {
    const state = [];
    if (c.quiet_until) state.push(`quiet until ${moment(c.quiet_until)}`);
    if (c.delivered_at) state.push(`delivered ${ago(c.delivered_at)}`);
    if (c.failures > 0) state.push(`${number(c.failures)} failures in a row, the last ${ago(c.failed_at)}`);
    if (c.retry_at && c.sending > 0) state.push(`again at ${moment(c.retry_at)}`);
    return el('div', { class: `figure ${c.failures > 0 || c.dead > 0 ? 'failing' : ''}` },
      el('div', { class: 'label' }, `${c.type} · ${c.target}`),
      el('div', { class: 'value' }, c.name),
      el('div', { class: 'unit' }, `${number(c.waiting)} waiting, ${number(c.sending)} being sent, ${number(c.dead)} dead`),
      state.map((text) => el('div', { class: 'unit' }, text)),
      c.error && el('div', { class: 'error' }, c.error),
      el('div', { class: 'actions' },
        el('button', { type: 'button', onclick: (e) => this.test(e.target, c.name) }, 'Send a test'),
        c.dead > 0 && el('button', { type: 'button', onclick: () => this.retry({ channel: c.name }) }, 'Send the dead again')));
  }

  row(n) {
    return el('tr', {},
      el('td', {}, moment(n.created_at)), el('td', {}, n.channel),
      el('td', {}, el('span', { class: `tag ${n.state === 'dead' ? 'critical' : ''}` }, open.has(n.state) || !n.done_at ? n.state : `${n.state} ${ago(n.done_at)}`),
        n.state === 'dead' && el('button', { type: 'button', class: 'quiet', onclick: () => this.retry({ ids: [n.id] }) }, 'Again')),
      el('td', {}, n.changes.map((c) => words(c.kind)).join(', ')),
      el('td', { class: 'path' }, el('a', { href: `#/incidents/${n.incident_id}`, class: n.severity }, n.title)),
      el('td', {}, number(n.attempts)), el('td', { title: n.error }, n.error ?? ''));
  }

  moreButton(next) {
    const button = el('button', { type: 'button', class: 'quiet wide' }, 'Show more');
    button.addEventListener('click', async () => {
      button.disabled = true;
      try {
        const page = await json(`/v1/notifications?limit=${pageSize}&cursor=${encodeURIComponent(next)}`);
        this.rows.append(...page.notifications.map((n) => this.row(n)));
        next = page.next_cursor;
        button.hidden = !next;
      } catch (error) {
        this.say(error.message, false);
      }
      button.disabled = false;
    });
    return button;
  }

  say(text, good) {
    this.result.className = `verdict ${good ? 'same' : 'error'}`;
    this.result.textContent = text;
  }

  async test(button, channel) {
    button.disabled = true;
    try {
      const r = await json('/v1/notifications/test', { method: 'POST', body: { channel } });
      this.say(r.delivered ? `The test arrived at ${channel}.` : `The test did not arrive at ${channel}: ${r.error}`, r.delivered);
    } catch (error) {
      this.say(error.message, false);
    }
    button.disabled = false;
  }

  async retry(body) {
    try {
      const r = await json('/v1/notifications/retry', { method: 'POST', body });
      await this.look();
      this.say(`${number(r.retried)} notifications are sent again.`, true);
    } catch (error) {
      this.say(error.message, false);
    }
  }
}

// One entity in full: how risky it is, its hours beside what is expected, what it was part of, and what it does by habit.

import { byId, el, figure, moment, number, untitled, words } from './dom.js';
import { chart } from './chart.js';
import { eventTable } from './events.js';
import { json } from './rest.js';

const periods = [['24h', 'a day'], ['7d', 'a week'], ['31d', 'a month']];
const habits = { routes: 'Routes', hours: 'Hours of the day, UTC', ua_families: 'User agents', countries: 'Countries', networks: 'Networks' };
const names = { user: 'User', client_ip: 'Client', service: 'Service', endpoint: 'Endpoint' };
const mostEvents = 50;

// entityLink is the page of an entity, undefined for one that has none.
export function entityLink(entity, service) {
  if (!(entity.type in names) || (entity.type === 'endpoint' && !service)) return undefined;
  const query = entity.type === 'endpoint' ? `?service=${encodeURIComponent(service)}` : '';
  return `#/entities/${entity.type}/${encodeURIComponent(entity.value)}${query}`;
}

export class EntityPage {
  constructor(back) {
    this.pane = byId('detail');
    this.back = back;
    this.turn = 0;
  }

  // leave ends what is under way: the pane belongs to somebody else.
  leave() { this.turn += 1; }

  async open(type, value, service, period = '7d') {
    const turn = ++this.turn;
    const query = new URLSearchParams({ from: period, ...(service ? { service } : {}) });
    try {
      const found = await json(`/v1/entities/${type}/${encodeURIComponent(value)}?${query}`);
      if (turn === this.turn) this.show(found, period);
    } catch (error) {
      if (turn !== this.turn) return;
      const why = error.status === 501 ? 'This server keeps no profiles.' : error.message;
      this.pane.replaceChildren(this.backButton(), el('h2', {}, `${names[type] ?? type} ${value}`), el('p', { class: 'error', role: 'alert' }, why));
    }
  }

  backButton() {
    return el('button', { type: 'button', class: 'back quiet', onclick: this.back }, '← All incidents');
  }

  show(found, period) {
    const { type, value } = found.entity;
    this.found = found;
    this.error = el('p', { class: 'error', role: 'alert' });
    this.pane.replaceChildren(
      this.backButton(),
      el('h2', {}, `${names[type]} ${value}`),
      el('p', { class: 'sentence' }, standing(found)),
      el('div', { class: 'actions' }, response(type, value).map(([label, path, body]) => el('button', {
        type: 'button', onclick: (e) => this.act(e.target, label, path, body),
      }, label))),
      this.error,
      el('div', { class: 'figures' }, figures(found)),
      el('h3', {}, 'Hours'),
      el('div', { class: 'actions tight' }, periods.map(([p, label]) => el('button', {
        type: 'button', class: 'quiet', 'aria-pressed': String(p === period), onclick: () => this.open(type, value, found.service, p),
      }, label))),
      chart(found.series) ?? el('p', { class: 'label' }, type === 'client_ip'
        ? 'No requests without a user in this time. What somebody sends who is logged in counts with the user.' : 'No requests in this time.'),
      el('h3', {}, `Incidents: ${number(found.total)}`),
      found.incidents.length ? incidentLinks(found.incidents) : el('p', { class: 'label' }, 'It was part of none.'),
      ...(found.incidents.length ? [el('h3', {}, 'What was seen, in order of time'), story(found.incidents)] : []),
      ...Object.entries(habits).filter(([set]) => found.sets?.[set]?.length).flatMap(([set, label]) => [el('h3', {}, label), habit(found.sets[set])]),
      el('h3', {}, 'Requests'),
      this.requests(found),
    );
    this.pane.scrollTop = 0;
  }

  async act(button, label, path, body) {
    button.disabled = true;
    try {
      const made = await json(path, { method: 'POST', body });
      this.error.className = 'verdict same';
      this.error.textContent = made.simulated ? `${label}: noted, not in force (monitor mode).` : `${label}: in force until ${moment(made.until)} UTC.`;
    } catch (error) {
      this.error.className = 'error';
      this.error.textContent = error.message;
      button.disabled = false;
    }
  }

  // requests shows the newest events when asked to: every look is in the audit.
  requests(found) {
    const { type, value } = found.entity;
    const [method, ...route] = value.split(' ');
    const query = type === 'endpoint' ? { service: found.service, method, route: route.join(' ') } : { [type]: value };
    const out = el('div');
    const look = async (event) => {
      event.target.disabled = true;
      try {
        const { events } = await json(`/v1/events?${new URLSearchParams({ ...query, limit: mostEvents })}`);
        out.replaceChildren(events.length ? eventTable(events) : el('p', { class: 'label' }, 'No events are stored.'));
      } catch (error) {
        out.replaceChildren(el('p', { class: 'error', role: 'alert' }, error.message));
      }
      event.target.disabled = false;
    };
    return el('div', {}, el('div', { class: 'actions tight' }, el('button', { type: 'button', onclick: look }, `Show the newest ${mostEvents}`)), out);
  }
}

// response is what can be done about an entity: label, path and body.
function response(type, value) {
  const reason = 'by hand, from the console';
  if (type === 'client_ip') return [['Ban for 4 h', '/v1/decisions', { value, duration: '4h', reason }]];
  if (type === 'user') return [['Freeze for 1 h', '/v1/decisions', { value, scope: 'user', duration: '1h', reason }]];
  return [];
}

function standing(found) {
  const open = found.incidents.filter((i) => i.status === 'open' || i.status === 'acknowledged');
  if (found.total === 0) return 'Nothing was ever raised about it.';
  if (found.risk === 0) return 'All of its incidents are closed.';
  const worst = open.find((i) => i.score === found.risk);
  return `Risk ${found.risk} of 100, the highest score of what is open about it${worst ? `: ${worst.title}` : ''}.`;
}

function figures(found) {
  const list = [figure('Risk', String(found.risk), 'of 100')];
  if (found.service) list.push(figure('Service', found.service, ''));
  const p = found.profile;
  if (p) {
    list.push(figure('Known from', `${number(p.hours)} hours`, `with requests, on ${number(p.days)} days`));
    list.push(figure('Usual', number(p.median), 'requests in an active hour (median)'));
    list.push(figure('Own highest', number(p.max), 'requests in an hour'));
    list.push(figure('Routes', number(p.ever), 'different ones so far'));
  } else if (['user', 'client_ip'].includes(found.entity.type)) {
    list.push(figure('Own habit', 'not known', 'too little was seen of it: all others are the measure'));
  }
  return list;
}

// incidentLinks is a list of incidents, each a link to its page.
export function incidentLinks(list) {
  return el('ul', { class: 'incidents' }, list.map((i) => el('li', {}, el('a', { class: `incident ${i.severity}`, href: `#/incidents/${i.id}` },
    el('span', { class: 'score' }, String(i.score)), el('span', { class: 'title' }, i.title),
    el('span', { class: 'meta' }, i.outcome && el('span', { class: `outcome ${i.outcome}` }, words(i.outcome)),
      [i.severity, words(i.status), `${number(i.event_count)} events`, moment(i.last_seen)].join(' · '))))));
}

function story(list) {
  const told = list.flatMap((i) => i.signals.map((s) => ({ ...s, id: i.id }))).sort((a, b) => Date.parse(a.first_seen) - Date.parse(b.first_seen));
  return el('ol', { class: 'timeline' }, told.map((s) => el('li', { class: `f-${s.severity}` },
    el('time', { datetime: s.first_seen }, moment(s.first_seen)), el('a', { href: `#/incidents/${s.id}` }, s.title), ` ${untitled(s)} `)));
}

function habit(members) {
  return el('div', { class: 'scroll short' }, el('table', {},
    el('thead', {}, el('tr', {}, el('th', {}, 'value'), ['requests', 'share', 'days'].map((h) => el('th', { class: 'n' }, h)), el('th', {}, 'first seen'), el('th', {}, 'last seen'))),
    el('tbody', {}, members.map((m) => el('tr', {}, el('td', { class: 'path', title: m.value }, m.value), el('td', { class: 'n' }, number(m.requests)),
      el('td', { class: 'n' }, `${(m.share * 100).toFixed(m.share < 0.1 ? 1 : 0)}%`), el('td', { class: 'n' }, number(m.days)),
      el('td', {}, moment(m.first_seen)), el('td', {}, moment(m.last_seen)))))));
}

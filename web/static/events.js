// Events as a table. Columns that no event fills are left out.

import { el, moment } from './dom.js';

const columns = [
  ['time', (e) => moment(e.time)], ['client', (e) => e.client_ip], ['user', (e) => e.user], ['method', (e) => e.method],
  ['request', (e) => e.request_line || e.path + (e.query ? `?${e.query}` : '')], ['status', (e) => e.status],
  ['bytes', (e) => e.bytes_out], ['user agent', (e) => e.ua_family || e.user_agent], ['country', (e) => e.country],
];

export function eventTable(events) {
  const used = columns.filter(([, get]) => events.some((e) => get(e) !== undefined && get(e) !== ''));
  return el('div', { class: 'scroll' }, el('table', {},
    el('thead', {}, el('tr', {}, used.map(([name]) => el('th', {}, name)))),
    el('tbody', {}, events.map((e) => el('tr', {}, used.map(([name, get]) => {
      const text = String(get(e) ?? '');
      const title = name === 'user agent' ? e.user_agent ?? text : text;
      return el('td', { class: name === 'request' ? 'path' : 'cut', title }, text);
    }))))));
}

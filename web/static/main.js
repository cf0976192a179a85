// The console's frame: the key, the list, the open incident, the stream.

import { byId } from './dom.js';
import { Detail } from './detail.js';
import { Endpoints } from './endpoints.js';
import { List } from './list.js';
import { Notices } from './notices.js';
import { json, key } from './rest.js';
import { follow } from './stream.js';

const frame = byId('console');
const detail = new Detail(() => { location.hash = ''; });
const list = new List((id) => { location.hash = `#/incidents/${id}`; });
const notices = new Notices(() => { location.hash = ''; });
const endpoints = new Endpoints();
const pages = new Set(['#/endpoints', '#/notifications']); // besides the incidents
let stop = () => {};

function route() {
  const inventory = location.hash === '#/endpoints';
  frame.hidden = inventory;
  byId('inventory').hidden = !inventory;
  for (const link of byId('nav').children) {
    if (link.getAttribute('href') === (pages.has(location.hash) ? location.hash : '#/')) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  }
  notices.hide();
  if (inventory) {
    endpoints.load();
    return;
  }
  const id = /^#\/incidents\/(inc_[\w.-]+)$/.exec(location.hash)?.[1] ?? '';
  const told = location.hash === '#/notifications';
  frame.classList.toggle('reading', id !== '' || told);
  list.mark(id);
  if (id) {
    detail.open(id);
    return;
  }
  detail.clear();
  if (told) notices.show();
}

function live(state) {
  const badge = byId('live');
  badge.className = `live ${state}`;
  badge.textContent = { on: 'live', off: 'reconnecting' }[state];
}

function signOut(message = '') {
  stop();
  notices.hide();
  key.forget();
  byId('live').className = 'live';
  byId('live').textContent = 'offline';
  byId('key-error').textContent = message;
  byId('sign-in').hidden = false;
  frame.hidden = byId('inventory').hidden = byId('nav').hidden = byId('sign-out').hidden = true;
  byId('key').focus();
}

async function start() {
  byId('sign-in').hidden = true;
  frame.hidden = byId('nav').hidden = byId('sign-out').hidden = false;
  await list.load();
  route();
  stop = follow({
    incident: (incident) => { list.take(incident); detail.take(incident); },
    reset: () => list.load(),
    state: live,
    refused: (error) => signOut(error.message),
  });
}

byId('key-form').addEventListener('submit', async (event) => {
  event.preventDefault();
  key.set(byId('key').value.trim());
  byId('key').value = '';
  try {
    await json('/v1/incidents?limit=1');
    byId('key-error').textContent = '';
    await start();
  } catch (error) {
    signOut(error.message);
  }
});
byId('sign-out').addEventListener('click', () => signOut());
window.addEventListener('hashchange', () => { if (key.get()) route(); });

if (key.get()) start();
else signOut();

// The console's frame: the key, the list, the open incident, the stream.

import { byId } from './dom.js';
import { Detail } from './detail.js';
import { Endpoints } from './endpoints.js';
import { EntityPage } from './entity.js';
import { List } from './list.js';
import { Notices } from './notices.js';
import { json, key } from './rest.js';
import { Sources } from './sources.js';
import { follow } from './stream.js';

const frame = byId('console');
const detail = new Detail(() => { location.hash = ''; });
const list = new List((id) => { location.hash = `#/incidents/${id}`; });
const entity = new EntityPage(() => { location.hash = ''; });
const notices = new Notices(() => { location.hash = ''; });
const endpoints = new Endpoints();
const sources = new Sources();
const nav = new Set(['#/endpoints', '#/notifications', '#/sources']); // besides the incidents
let stop = () => {};

// mains are the parts of the page of which one is shown at a time.
const mains = ['console', 'inventory', 'sources', 'sign-in'];

function only(name) {
  for (const id of mains) byId(id).hidden = id !== name;
}

// leave ends what the page that was shown goes on doing.
function leave() {
  notices.hide();
  sources.hide();
  entity.leave();
}

function route() {
  leave();
  for (const link of byId('nav').children) {
    if (link.getAttribute('href') === (nav.has(location.hash) ? location.hash : '#/')) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  }
  if (location.hash === '#/endpoints') {
    only('inventory');
    endpoints.load();
    return;
  }
  if (location.hash === '#/sources') {
    only('sources');
    sources.show();
    return;
  }
  only('console');
  const id = /^#\/incidents\/(inc_[\w.-]+)$/.exec(location.hash)?.[1] ?? '';
  const who = /^#\/entities\/(\w+)\/([^?]+)(?:\?service=(.*))?$/.exec(location.hash);
  const told = location.hash === '#/notifications';
  frame.classList.toggle('reading', id !== '' || told || who !== null);
  list.mark(id);
  if (id) {
    detail.open(id);
    return;
  }
  detail.clear();
  if (told) notices.show();
  if (who) entity.open(who[1], plain(who[2]), plain(who[3] ?? ''));
}

// plain is a part of the address without its escapes; a broken one stays as it is.
function plain(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function live(state) {
  const badge = byId('live');
  badge.className = `live ${state}`;
  badge.textContent = { on: 'live', off: 'reconnecting' }[state];
}

function signOut(message = '') {
  stop();
  leave();
  key.forget();
  byId('live').className = 'live';
  byId('live').textContent = 'offline';
  byId('key-error').textContent = message;
  only('sign-in');
  byId('nav').hidden = byId('sign-out').hidden = true;
  byId('key').focus();
}

async function start() {
  only('console');
  byId('nav').hidden = byId('sign-out').hidden = false;
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

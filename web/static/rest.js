// REST with the key of this tab.

const slot = 'gatewatch.key';

export const key = {
  get: () => sessionStorage.getItem(slot) ?? '',
  set: (value) => sessionStorage.setItem(slot, value),
  forget: () => sessionStorage.removeItem(slot),
};

export class Refused extends Error {
  constructor(status, problem) {
    super(problem.detail || problem.title || `the server answered ${status}`);
    this.status = status;
  }
}

export async function call(path, { method = 'GET', body, headers = {}, signal } = {}) {
  const response = await fetch(path, {
    method,
    signal,
    cache: 'no-store',
    headers: {
      Authorization: `Bearer ${key.get()}`,
      ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
      ...headers,
    },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  if (!response.ok) {
    let problem = {};
    try { problem = await response.json(); } catch { /* a proxy in between answers in its own words */ }
    throw new Refused(response.status, problem);
  }
  return response;
}

export const json = async (path, options) => (await call(path, options)).json();

// Eight event streams through the gateway, and twenty calls while they are open. HTTP/1.1 gives a page six connections to
// a host, and a stream keeps the one that it has; HTTP/2 carries all of them on one.

const STREAMS = 8;
const CALLS = 20;
const MILLISECONDS = 3000; // what has not come by then waits for a connection

// How many streams began and how many calls were answered, as a sentence.
export async function crowd(gateway) {
  const streams = numbers(STREAMS).map((number) => new EventSource(`${gateway}/api/updates?stream=${number}`));
  try {
    const began = await count(streams.map(firstEvent));
    const answered = await count(numbers(CALLS).map((number) => call(`${gateway}/api/products?number=${number}`)));
    return `${began} of ${STREAMS} streams began, ${answered} of ${CALLS} calls were answered. ${verdict(began, answered)}`;
  } finally {
    for (const stream of streams) stream.close();
  }
}

function verdict(began, answered) {
  if (began === STREAMS && answered === CALLS) return "Nothing waited for a connection.";
  return "The others waited for a connection: HTTP/1.1 has six for all of them. HTTP/2 (demo --tls, with the extra http2) needs one.";
}

function firstEvent(stream) {
  return new Promise((resolve, reject) => {
    stream.onmessage = resolve;
    stream.onerror = reject;
    setTimeout(reject, MILLISECONDS);
  });
}

async function call(url) {
  return (await fetch(url, { signal: AbortSignal.timeout(MILLISECONDS) })).text();
}

async function count(promises) {
  return (await Promise.allSettled(promises)).filter(({ status }) => status === "fulfilled").length;
}

function numbers(count) {
  return Array.from({ length: count }, (_, number) => number);
}

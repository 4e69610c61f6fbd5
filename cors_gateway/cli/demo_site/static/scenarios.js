// The calls that the page offers, and what a careful operator wants to come of each. What really comes of it, and why,
// is not written here: it is what the browser does, and what /why explains.

const reads = (outcome) => outcome.readable;
const readsStatus = (status) => (outcome) => outcome.status === status;

export const groups = [
  {
    title: "What your page needs",
    scenarios: [
      {
        id: "get",
        title: "Simple GET",
        lede: "No special header, no cookie: the browser sends it at once, and decides afterwards whether the script may read the answer.",
        wanted: "The page reads the products.",
        right: reads,
        call: { method: "GET", path: "/api/products" },
      },
      {
        id: "put",
        title: "PUT with a token",
        lede: "No HTML form could send this, so the browser asks first: an OPTIONS request, the preflight.",
        wanted: "The page changes the product and reads the confirmation.",
        right: reads,
        call: {
          method: "PUT",
          path: "/api/products/7",
          headers: { "Content-Type": "application/json", Authorization: "Bearer demo-token" },
          body: '{"price": 15}',
        },
      },
      {
        id: "cookies",
        title: "Cookies",
        lede: "Two calls with credentials: the first is given a cookie, the second sends it back.",
        wanted: "The page reads the second answer, and the cookie arrived.",
        right: (outcome) => outcome.readable && outcome.body.includes('"cookie_received": true'),
        before: { method: "GET", path: "/api/visits", credentials: "include" },
        call: { method: "GET", path: "/api/visits", credentials: "include" },
      },
      {
        id: "exposed",
        title: "Response headers",
        lede: "The answer has a page count for everybody and the name of an internal machine for nobody.",
        wanted: "The page reads X-Total-Count, and never X-Internal-Node.",
        right: (outcome) => outcome.readable && "x-total-count" in outcome.headers && !("x-internal-node" in outcome.headers),
        call: { method: "GET", path: "/api/orders" },
        asksFor: ["X-Total-Count", "X-Internal-Node"],
      },
      {
        id: "vary",
        title: "Cached answers",
        lede: "The page has shown this picture, so the browser's cache holds it. Now a script wants to read the same picture.",
        wanted: "The script reads the picture, whatever the cache holds.",
        right: reads,
        before: { method: "GET", path: "/api/picture", mode: "no-cors" },
        call: { method: "GET", path: "/api/picture" },
      },
    ],
  },
  {
    title: "What nobody else may do",
    scenarios: [
      {
        id: "stranger",
        title: "An uninvited page",
        lede: "The frame below comes from another origin. It calls with the visitor's cookies and wants the account.",
        wanted: "The stranger reads nothing.",
        right: (outcome) => !outcome.readable,
        stranger: true,
        call: { method: "GET", path: "/api/account", credentials: "include" },
      },
      {
        id: "method",
        title: "Refused method",
        lede: "The page may GET and PUT. It tries to DELETE.",
        wanted: "Refused before anything is deleted.",
        right: (outcome) => !outcome.readable,
        call: { method: "DELETE", path: "/api/products/7" },
      },
    ],
  },
  {
    title: "When things break",
    scenarios: [
      {
        id: "error",
        title: "Error: 500",
        lede: "Most backends forget CORS on their error pages, and the real error hides behind a CORS error.",
        wanted: "The page reads the 500 and its ticket number.",
        right: readsStatus(500),
        call: { method: "GET", path: "/api/broken" },
      },
      {
        id: "down",
        title: "Outage: 502",
        lede: "Nobody listens at the backend's address.",
        wanted: "The page learns that there is an outage.",
        right: readsStatus(502),
        down: true,
        call: { method: "GET", path: "/api/closed" },
      },
      {
        id: "slow",
        title: "Timeout: 504",
        lede: "The backend takes longer than the gateway waits for it.",
        wanted: "The page learns that it timed out.",
        right: readsStatus(504),
        call: { method: "GET", path: "/api/slow" },
      },
    ],
  },
];

export const scenarios = groups.flatMap((group) => group.scenarios);

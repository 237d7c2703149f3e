// A real OpenID Connect provider: `oidc_provider.mjs MODULES PORT REDIRECT_URI`, with the client `privyseal`.
//
// Whoever sits before the browser is told by POST /person {name, groups, age_s}: they log in at once, as if they had done so
// `age_s` seconds ago. Everything else is the library's.

import { createServer } from "node:http";
import { pathToFileURL } from "node:url";

const [modules, port, redirectUri] = process.argv.slice(2);
const { default: Provider } = await import(pathToFileURL(`${modules}/oidc-provider/lib/index.js`));

let person = { name: "nobody", groups: [], age_s: 0 };
const groups = new Map();

const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: [{
    client_id: "privyseal",
    client_secret: "secret-of-the-client",
    grant_types: ["authorization_code", "urn:ietf:params:oauth:grant-type:device_code"],
    response_types: ["code"],
    redirect_uris: [redirectUri],
  }],
  claims: { openid: ["sub"], email: ["email", "email_verified"], groups: ["groups"] },
  conformIdTokenClaims: false,
  features: { devInteractions: { enabled: false }, deviceFlow: { enabled: true } },
  findAccount: (_, id) => ({
    accountId: id,
    claims: () => ({ sub: id, email: `${id}@idp.example`, email_verified: true, groups: groups.get(id) }),
  }),
  interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
  loadExistingGrant: async ({ oidc }) => {
    const grant = new oidc.provider.Grant({ clientId: oidc.client.clientId, accountId: oidc.session.accountId });
    grant.addOIDCScope("openid email groups");
    await grant.save();
    return grant;
  },
});

const library = provider.callback();

createServer(async (request, response) => {
  if (request.method === "POST" && request.url === "/person") {
    let text = "";
    for await (const piece of request) text += piece;
    person = JSON.parse(text);
    groups.set(person.name, person.groups);
    response.writeHead(204).end();
  } else if (request.url.startsWith("/interaction/")) {
    const ts = Math.floor(Date.now() / 1000) - person.age_s;
    await provider.interactionFinished(request, response, { login: { accountId: person.name, ts } });
  } else {
    library(request, response);
  }
}).listen(Number(port), "127.0.0.1");

// A sign-up connector with Express and node-postgres, as their documents have
// it: one pool, async handlers, named statements for what is asked often.

import { createHash, randomUUID, timingSafeEqual } from 'node:crypto';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import express from 'express';
import pg from 'pg';

const env = process.env;
const statement = (name) =>
  readFileSync(new URL(`../${name}.sql`, import.meta.url), 'utf8');
const CANDIDATES = statement('candidates');
const ATTEMPT = statement('attempt');
const RULES = JSON.stringify({
  customer_type: 'b2c',
  unverified_email: 'refuse',
  customer_email: 'any',
  second_identity: 'refuse',
  feed_max_age_minutes: null,
});

// PGHOST, PGUSER and PGDATABASE say where.
const pool = new pg.Pool({ max: Number(env.POOL_SIZE) });

const digest = (text) => createHash('sha256').update(text).digest();
const credentials = digest(
  `Basic ${Buffer.from(`${env.CONNECTOR_USERNAME}:${env.CONNECTOR_PASSWORD}`).toString('base64')}`,
);

function authenticate(request, response, next) {
  const given = digest(request.get('authorization') ?? '');
  if (timingSafeEqual(given, credentials)) return next();
  response.status(401).set('WWW-Authenticate', 'Basic').json({ error: 'unauthorized' });
}

async function candidates(email, issuer, provider) {
  const { rows } = await pool.query({
    name: 'candidates',
    text: CANDIDATES,
    values: [env.LEGAL_ENTITY, email, 1, false, issuer, provider],
  });
  return rows;
}

function decide(found) {
  if (found.length === 0) return { decision: 'create', answer: 'continue' };
  if (found.length > 1) {
    return { decision: 'refuse', refusal: 'several', answer: 'refuse' };
  }
  return { decision: 'link', customer: found[0], answer: 'continue' };
}

async function remember(question, decided, found) {
  const id = randomUUID();
  const key = digest(
    [env.SITE, question.step, question.client_id, question.account, question.email].join('\0'),
  );
  const reference = `${id.slice(0, 4)}-${id.slice(4, 8)}`.toUpperCase();
  await pool.query({
    name: 'attempt',
    text: ATTEMPT,
    values: [
      env.LEGAL_ENTITY, id, key, reference, env.TENANT, env.SITE, question.step, new Date(),
      question.provider, question.email, decided.decision, decided.refusal ?? null,
      decided.customer?.customer_id ?? null, found, decided.answer, RULES,
    ],
  });
  return reference;
}

const app = express();
app.disable('x-powered-by');
app.disable('etag');
app.post(
  '/connectors/:tenant/user-flow',
  authenticate,
  express.json(),
  async (request, response) => {
    const body = request.body;
    const identity = body.identities?.[0];
    const question = {
      step: body.step,
      client_id: body.client_id,
      email: String(body.email).trim().toLowerCase(),
      account: identity?.issuerAssignedId ?? '',
      provider: identity?.issuer ?? 'local',
    };
    const found = await candidates(question.email, env.ISSUER, question.provider);
    const decided = decide(found);
    const reference = await remember(question, decided, found.length);
    response.set('Cache-Control', 'no-store');
    if (decided.answer === 'refuse') {
      response.json({
        version: '1.0.0',
        action: 'ShowBlockPage',
        userMessage: `We cannot sign you up. Reference: ${reference}`,
      });
    } else if (decided.customer) {
      response.json({
        version: '1.0.0',
        action: 'Continue',
        extension_CustomerId: decided.customer.customer_number,
      });
    } else {
      response.json({ version: '1.0.0', action: 'Continue' });
    }
  },
);

const server = env.TLS_CERTIFICATE
  ? https.createServer(
      { cert: readFileSync(env.TLS_CERTIFICATE), key: readFileSync(env.TLS_KEY) },
      app,
    )
  : http.createServer(app);
server.listen(Number(env.PORT), '127.0.0.1');

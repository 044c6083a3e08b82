// A sign-up connector with Fastify and its own plugins for PostgreSQL and
// Basic authentication, as their documents have it: schemas for what comes in
// and goes out, which Fastify compiles, and one pool.

import { createHash, randomUUID, timingSafeEqual } from 'node:crypto';
import { readFileSync } from 'node:fs';
import basicAuth from '@fastify/basic-auth';
import postgres from '@fastify/postgres';
import Fastify from 'fastify';

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

const digest = (text) => createHash('sha256').update(text).digest();
const credentials = digest(`${env.CONNECTOR_USERNAME}:${env.CONNECTOR_PASSWORD}`);

const fastify = Fastify({
  logger: false,
  https: env.TLS_CERTIFICATE
    ? { cert: readFileSync(env.TLS_CERTIFICATE), key: readFileSync(env.TLS_KEY) }
    : null,
});

// PGHOST, PGUSER and PGDATABASE say where.
await fastify.register(postgres, { max: Number(env.POOL_SIZE) });
await fastify.register(basicAuth, {
  async validate(username, password) {
    if (!timingSafeEqual(digest(`${username}:${password}`), credentials)) {
      throw new Error('unauthorized');
    }
  },
});

async function candidates(email, issuer, provider) {
  const { rows } = await fastify.pg.query({
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
  await fastify.pg.query({
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

const text = { type: 'string' };
const schema = {
  body: {
    type: 'object',
    required: ['step', 'client_id', 'email'],
    properties: {
      step: text,
      client_id: text,
      email: text,
      identities: {
        type: 'array',
        items: {
          type: 'object',
          properties: { signInType: text, issuer: text, issuerAssignedId: text },
        },
      },
    },
  },
  response: {
    200: {
      type: 'object',
      properties: {
        version: text,
        action: text,
        userMessage: text,
        extension_CustomerId: text,
      },
    },
  },
};

fastify.post(
  '/connectors/:tenant/user-flow',
  { schema, onRequest: fastify.basicAuth },
  async (request, reply) => {
    const body = request.body;
    const identity = body.identities?.[0];
    const question = {
      step: body.step,
      client_id: body.client_id,
      email: body.email.trim().toLowerCase(),
      account: identity?.issuerAssignedId ?? '',
      provider: identity?.issuer ?? 'local',
    };
    const found = await candidates(question.email, env.ISSUER, question.provider);
    const decided = decide(found);
    const reference = await remember(question, decided, found.length);
    reply.header('Cache-Control', 'no-store');
    if (decided.answer === 'refuse') {
      return {
        version: '1.0.0',
        action: 'ShowBlockPage',
        userMessage: `We cannot sign you up. Reference: ${reference}`,
      };
    }
    if (decided.customer) {
      return {
        version: '1.0.0',
        action: 'Continue',
        extension_CustomerId: decided.customer.customer_number,
      };
    }
    return { version: '1.0.0', action: 'Continue' };
  },
);

await fastify.listen({ port: Number(env.PORT), host: '127.0.0.1' });

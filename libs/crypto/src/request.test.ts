import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { systemRandom, type HostId } from '@godwit/base';
import { createDevice, cryptoReady, deviceFromSeeds, REQUEST_SKEW_MS_MAX, Secret, sha256, signRequest, verifyRequest } from './index.ts';
import { requestBody, type DeviceSecrets, type RequestHeaders, type RequestParts } from './index.ts';

before(cryptoReady);

const bodySha256 = sha256(Buffer.from('{}'));
const parts: RequestParts = { method: 'POST', path: '/v1/desktops?limit=2', bodySha256, timeMs: 1_700_000_000_000, audience: 'https://one.example' };

function check(device: DeviceSecrets, headers: RequestHeaders, changed: Partial<RequestParts & { nowMs: number }> = {}): ReturnType<typeof verifyRequest> {
  const { method, path, bodySha256: digest, audience, nowMs } = { ...parts, nowMs: parts.timeMs, ...changed };
  const publicKeyOf = (hostId: HostId): Buffer | undefined => (hostId === device.hostId ? device.signPublic : undefined);
  return verifyRequest(headers, method, path, digest, { publicKeyOf, nowMs, audience });
}
const isInvalid = { code: 'SIGNATURE_INVALID', message: 'a signature does not hold (request)' };

test('fixed input gives the frozen bytes and headers', () => {
  const device = deviceFromSeeds(new Secret(Buffer.alloc(32, 1)), new Secret(Buffer.alloc(32, 2)));
  assert.equal(requestBody(parts, device.hostId, Buffer.alloc(16, 5)).toString('hex'), '0104504f5354000000142f76312f6465736b746f70733f6c696d69743d3244136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a1fd270cd7840241213a9539e1d6b52990000018bcfe56800050505050505050505050505050505051368747470733a2f2f6f6e652e6578616d706c65');
  assert.deepEqual(signRequest(parts, device, (n) => Buffer.alloc(n, 5)), {
    'godwit-host': device.hostId,
    'godwit-time': '1700000000000',
    'godwit-nonce': '05'.repeat(16),
    'godwit-signature': '67dd1bb19d688877e83d046e8671bd96a5f53f33fcfe6d122d811b8c098427531c3113812807a8637fe40f86fd5130b6cb7e5bfd36d693ba2d2d8ed76e1eb505',
  });
});

test('a signed request is good; any other part of it is not', async () => {
  const device = createDevice(systemRandom);
  const headers = signRequest(parts, device, systemRandom);
  const verified = await check(device, headers);
  assert.equal(verified.hostId, device.hostId);
  assert.equal(verified.nonce.toString('hex'), headers['godwit-nonce']);
  const changes: Partial<RequestParts>[] = [
    { method: 'GET' },
    { method: 'post' },
    { method: '' },
    { path: '/v1/desktops?limit=3' },
    { path: '/v1/desktops' },
    { path: '/v1/desktops?limit=2 ' },
    { path: 'https://one.example/v1/desktops?limit=2' },
    { path: `/${'a'.repeat(10_000)}` },
    { bodySha256: sha256(Buffer.from('[]')) },
    { bodySha256: Buffer.alloc(0) },
    { audience: 'https://two.example' },
    { audience: '' },
  ];
  for (const change of changes) await assert.rejects(check(device, headers, change), isInvalid, JSON.stringify(change));
});

test('each header: missing, twice, changed in a digit, in another spelling, of another device', async () => {
  const [device, other] = [createDevice(systemRandom), createDevice(systemRandom)];
  const headers = signRequest(parts, device, systemRandom);
  for (const [name, value] of Object.entries(headers)) {
    const last = value.endsWith('1') ? '2' : '1';
    for (const wrong of [undefined, '', [value, value], `${value}, ${value}`, ` ${value}`, `0${value}`, `${value.slice(0, -1)}${last}`, value.toUpperCase() + ' ', 'x'.repeat(1e5)]) {
      await assert.rejects(check(device, { ...headers, [name]: wrong }), isInvalid, name);
    }
  }
  await assert.rejects(check(device, { ...headers, 'godwit-host': other.hostId }), isInvalid);
  await assert.rejects(check(device, signRequest(parts, { ...other, hostId: device.hostId }, systemRandom)), isInvalid, 'stolen id, own key');
  await assert.rejects(check(device, {}), isInvalid);
});

test('the window is five minutes either way, to the millisecond', async () => {
  const device = createDevice(systemRandom);
  const headers = signRequest(parts, device, systemRandom);
  for (const skewMs of [-REQUEST_SKEW_MS_MAX, REQUEST_SKEW_MS_MAX]) {
    await check(device, headers, { nowMs: parts.timeMs + skewMs });
    await assert.rejects(check(device, headers, { nowMs: parts.timeMs + skewMs + Math.sign(skewMs) }), { code: 'REQUEST_TIME_SKEWED' });
  }
  await assert.rejects(check(device, headers, { nowMs: Number.NaN }), { code: 'REQUEST_TIME_SKEWED' });
});

test('a request that can not be encoded is refused before it is signed', () => {
  const device = createDevice(systemRandom);
  for (const bad of [{ method: 'GE T' }, { path: 'v1' }, { path: '/ü' }, { path: '/a\r\nb' }, { timeMs: 1.5 }, { timeMs: -1 }, { audience: 'a'.repeat(256) }]) {
    assert.throws(() => signRequest({ ...parts, ...bad }, device, systemRandom), { code: 'VALUE_OUT_OF_RANGE' });
  }
});

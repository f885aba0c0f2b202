import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { codecFindings, floorFindings, floors, pageFindings, qemuEdges, undeclaredFindings, workspaceOf } from './floors.ts';
import { codeFiles, findAll, isTest, root } from './sources.ts';

interface PackageJson {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
}

const packageAt = (folder: string): PackageJson => JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8')) as PackageJson;
const files = codeFiles();

describe('import floors', () => {
  test('the rule finds what it is for', () => {
    const found = (path: string, text: string): number => floorFindings({ path, text }).length;
    assert.equal(found('libs/snapshot/src/a.ts', "import { x } from '@godwit/crypto';"), 0);
    assert.equal(found('libs/crypto/src/a.ts', "import { x } from '@godwit/snapshot';"), 1);
    assert.equal(found('libs/crypto/src/a.ts', "import type { x } from '@godwit/qemu';"), 1);
    assert.equal(found('apps/agent/src/a.ts', "export * from '@godwit/api';"), 1);
    assert.equal(found('apps/agent/src/a.ts', "const x = await import('@godwit/api');"), 1);
    assert.equal(found('apps/agent/src/a.ts', "let x: import('@godwit/api').X;"), 1);
    assert.equal(found('libs/qemu/src/nbd/a.ts', "import { x } from '../../../base/src/index.ts';"), 1);
    assert.equal(found('libs/qemu/src/nbd/a.ts', "import { x } from '../index.ts';"), 0);
    assert.equal(found('libs/qemu/src/a.ts', "import { x } from '@godwit/base/dist/bytes.js';"), 1);
    assert.equal(found('libs/qemu/src/a.ts', "import { x } from '@godwit/nothing';"), 1);
    assert.equal(found('apps/api/src/a.ts', "import { x } from '@godwit/wire/operators';"), 0);
    assert.equal(found('apps/dashboard/src/a.tsx', "const x = <b>{y}</b>; import { x } from '@godwit/api';"), 1);
    assert.equal(found('infra/a.mjs', "import x from 'zod';"), 1);
  });

  test('workspaces import only downward', () => assert.deepEqual(findAll(files, floorFindings), []));

  test('the page of the dashboard knows the wire alone', () => {
    const found = (path: string, text: string): number => pageFindings({ path, text }).length;
    assert.equal(found('apps/dashboard/src/a.tsx', "import { x } from '@godwit/wire/operators';"), 0);
    assert.equal(found('apps/dashboard/src/a.test.ts', "import { test } from 'node:test';"), 0);
    for (const specifier of ['@godwit/wire', '@godwit/base', 'node:fs']) assert.equal(found('apps/dashboard/src/a.tsx', `import { x } from '${specifier}';`), 1, specifier);
    assert.deepEqual(findAll(files, pageFindings), []);
  });

  test('the codecs of libs/qemu do no I/O', () => {
    assert.equal(codecFindings({ path: 'libs/qemu/src/nbd/replies.ts', text: "import { connect } from 'node:net';" }).length, 1);
    assert.equal(codecFindings({ path: 'libs/qemu/src/nbd/replies.ts', text: "import type { Socket } from 'node:net';" }).length, 0);
    assert.deepEqual(findAll(files, codecFindings), []);
    for (const edge of qemuEdges) assert.ok(files.some(({ path }) => path === edge), `${edge} is listed as an edge and does not exist`);
  });

  test('every workspace names the packages it imports', () => {
    const shared = Object.keys(packageAt('.').devDependencies ?? {});
    const findings = findAll(files, (file) => {
      const workspace = workspaceOf(file.path);
      if (workspace === undefined) return [];
      const { dependencies = {}, devDependencies = {} } = packageAt(workspace);
      // Tests may use the tools of the whole house.
      return undeclaredFindings(file, new Set([...Object.keys(dependencies), ...Object.keys(devDependencies), ...(isTest(file.path) ? shared : [])]));
    });
    assert.deepEqual(findings, []);
  });

  test('package.json of a workspace names workspaces of lower floors only', () => {
    for (const [workspace, floor] of Object.entries(floors)) {
      if (!files.some(({ path }) => path.startsWith(`${workspace}/`))) continue;
      for (const name of Object.keys(packageAt(workspace).dependencies ?? {}).filter((each) => each.startsWith('@godwit/'))) {
        const target = Object.entries(floors).find(([path]) => path.split('/').at(-1) === name.slice('@godwit/'.length));
        assert.ok(target !== undefined && target[1] < floor, `${workspace} names ${name}`);
      }
    }
  });
});

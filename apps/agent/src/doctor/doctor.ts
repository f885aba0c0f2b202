import type { ControlResult, DoctorFinding } from '@godwit/wire';
import { checkAccount, checkClock, checkCoordinator, checkKeys, checkMembership, checkPermissions, checkQuotas, checkStore } from './account-checks.ts';
import { checkAcceleration, checkCache, checkDisk, checkDumps, checkMachines, checkPostcopy, checkPrivilege, checkQemu, checkNotices, checkSleep, checkSnapshots } from './host-checks.ts';
import type { Check, Patient } from './patient.ts';

/** In this order: what comes later needs what came before. */
const checks: readonly Check[] = [
  checkQemu, checkMachines, checkPrivilege, checkAcceleration, checkPostcopy, checkSnapshots, checkDisk, checkDumps, checkSleep, checkNotices,
  checkAccount, checkKeys, checkPermissions, checkCache, checkCoordinator, checkClock, checkMembership, checkStore, checkQuotas,
];

/** Checks one after the other, and stops where nothing after it could work. */
export async function doctor(patient: Patient): Promise<ControlResult<'doctor'>> {
  const findings: DoctorFinding[] = [];
  for (const check of checks) {
    const finding = await check(patient);
    findings.push(finding);
    if (finding.state === 'bad') break;
  }
  const states = new Set(findings.map(({ state }) => state));
  return { findings, verdict: states.has('bad') ? 'bad' : states.has('degraded') ? 'degraded' : 'good' };
}

import { Fault, type FaultCode } from '@godwit/base';

export const hasCode = (code: FaultCode) => (error: unknown): boolean => error instanceof Fault && error.code === code;

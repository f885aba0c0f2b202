export { bytesText, durationText, table } from './cli/figures.ts';

// OTLP severity numbers as six groups; the number decides, the text is only shown.

export const SEVERITIES = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const;
export type Severity = (typeof SEVERITIES)[number] | 'none';

export function severityOf(severityNumber: number): Severity {
  if (severityNumber < 1 || severityNumber > 24) return 'none';
  return SEVERITIES[Math.floor((severityNumber - 1) / 4)];
}

/** What the row shows: the group's name, or the sender's own text when there is no number. */
export function severityLabel(severityNumber: number, severityText: string): string {
  const group = severityOf(severityNumber);
  return group === 'none' ? severityText.toLowerCase() || 'none' : group;
}

// Our programs as packages: what each is made of and what goes beside it.

export const KINDS = {
  agent: {
    name: 'godwit',
    workspace: 'apps/agent',
    launcher: 'godwit',
    /** Built folders that are no workspace's own. */
    folders: [],
    depends: 'qemu-system-x86, qemu-utils, util-linux',
    recommends: 'libglib2.0-bin, systemd',
    rpmRequires: 'qemu-system-x86-core, qemu-img, util-linux',
    about: ['running desktops that follow you from machine to machine', 'The agent of a host and the command that asks it: suspend a virtual machine on', 'one host, resume it on another. What leaves the host is sealed.'],
    files: {
      'usr/lib/systemd/system/godwit-agent.service': 'infra/systemd/godwit-agent.service',
      'usr/lib/systemd/user/godwit-agent.service': 'infra/systemd/user/godwit-agent.service',
      'usr/lib/sysusers.d/godwit.conf': 'infra/systemd/sysusers.conf',
      'usr/lib/udev/rules.d/60-godwit.rules': 'infra/udev/60-godwit.rules',
    },
    keys: "The keys of this host were in /var/lib/godwit (the system's agent) and ~/.local/share/godwit (each person's), and are there still.",
  },
  coordinator: {
    name: 'godwit-coordinator',
    workspace: 'apps/api',
    launcher: 'godwit-coordinator',
    folders: ['apps/dashboard/dist/page'],
    depends: 'postgresql | postgresql-client, util-linux',
    recommends: 'systemd',
    rpmRequires: 'postgresql, util-linux',
    about: ['orders who runs which Godwit desktop', 'The service that keeps leases, heads and the audit log, and serves the dashboard', 'of its operators. It sees no content.'],
    files: {
      'usr/lib/systemd/system/godwit-coordinator.service': 'infra/systemd/godwit-coordinator.service',
      'usr/lib/systemd/system/godwit-backup.service': 'infra/systemd/godwit-backup.service',
      'usr/lib/systemd/system/godwit-backup.timer': 'infra/systemd/godwit-backup.timer',
      'usr/share/godwit-coordinator/rules.yaml': 'infra/observe/rules.yaml',
      'usr/share/godwit-coordinator/grafana.json': 'infra/observe/grafana/godwit.json',
    },
    keys: 'What the coordinator kept is in /var/lib/godwit-coordinator and its backups in /var/lib/godwit-backup, and are there still.',
  },
};

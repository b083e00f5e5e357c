#!/bin/sh
# A SLURM cluster of two nodes, both of them this machine, for `make test-slurm`; as root, in a container or a virtual machine, after
#   apt-get install --no-install-recommends slurm-wlm slurmctld slurmd slurm-client munge
# Does nothing where SLURM answers already, is not installed, or is somebody's.
set -eu
timeout 10 sinfo >/dev/null 2>&1 && exit 0
command -v slurmctld >/dev/null && command -v slurmd >/dev/null && [ "$(id -u)" = 0 ] || exit 0
if [ -s /etc/slurm/slurm.conf ] && ! grep -q '^ClusterName=aelab$' /etc/slurm/slurm.conf; then
    echo "/etc/slurm/slurm.conf belongs to a cluster that does not answer; left alone" >&2
    exit 0
fi
install -d -o munge -g munge -m 0755 /run/munge
pgrep -x munged >/dev/null || setpriv --reuid=munge --regid=munge --init-groups /usr/sbin/munged
install -d /etc/slurm /var/spool/slurmctld /var/spool/slurmd-one /var/spool/slurmd-two /var/log/slurm
host=$(hostname -s)
memory=$(awk '/MemTotal/ {print int($2 / 1024 * 0.8)}' /proc/meminfo)
cat >/etc/slurm/slurm.conf <<CONF
ClusterName=aelab
SlurmctldHost=$host(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
ReturnToService=2
SlurmctldPidFile=/run/slurmctld.pid
SlurmdPidFile=/run/slurmd-%n.pid
SlurmdSpoolDir=/var/spool/slurmd-%n
StateSaveLocation=/var/spool/slurmctld
SlurmctldLogFile=/var/log/slurm/slurmctld.log
SlurmdLogFile=/var/log/slurm/slurmd-%n.log
SwitchType=switch/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=0,sched_min_interval=0
JobRequeue=1
KillWait=10
NodeName=one NodeHostname=$host NodeAddr=127.0.0.1 Port=17001 CPUs=$(nproc) RealMemory=$memory State=UNKNOWN
NodeName=two NodeHostname=$host NodeAddr=127.0.0.1 Port=17002 CPUs=$(nproc) RealMemory=$memory State=UNKNOWN
PartitionName=debug Nodes=one,two Default=YES MaxTime=INFINITE State=UP
CONF
slurmctld
slurmd -N one
slurmd -N two
for _ in 1 2 3 4 5 6 7 8 9 10; do
    [ "$(sinfo --noheader --Node --states=idle 2>/dev/null | grep -c idle)" = 2 ] && exit 0
    sleep 1
done
echo "SLURM did not come up; see /var/log/slurm" >&2

# A simulated scheduler. Its state is one directory, $FAKE_SLURM:
#   events   one line for each event: S id tag | R id | E id STATE | C id
#   calls    one line for each command that was called
#   down     there while no command is answered;   squeue-down: while squeue is not
#   hold     there while waiting jobs stay waiting
#   slow     seconds that sbatch takes, before and after it submits
#   stuck    there while the first sbatch, which has its script, does not go on
#   mute     there while sbatch submits and then says that it got no answer
#   timed    there when no job is run: something else says how they end
#   refuse   the name of a partition that there is not
#   most     how many jobs of an array may wait at a time
#   array    the number of jobs that an array must have fewer than
state=$FAKE_SLURM
echo "${0##*/} $(date +%s.%N)" >> "$state/calls"
if test -e "$state/down" || test -e "$state/${0##*/}-down"; then
    echo "${0##*/}: error: Unable to contact slurm controller (connect failure)" >&2
    exit 1
fi

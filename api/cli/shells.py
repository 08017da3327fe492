"""The scripts of ``dflow completion``: each asks ``dflow __complete``, and falls back to file names."""

from __future__ import annotations

__all__ = ["SCRIPTS"]

_BASH = """\
_dflow() {
    local word
    COMPREPLY=()
    while IFS= read -r word; do
        COMPREPLY+=("$word")
    done < <("$1" __complete bash "${COMP_LINE:0:COMP_POINT}" "$COMP_WORDBREAKS" 2>/dev/null)
}
complete -o default -o nosort -F _dflow dflow 2>/dev/null || complete -o default -F _dflow dflow
"""

_ZSH = """\
#compdef dflow
_dflow() {
    local -a found
    found=("${(@f)$("${words[1]}" __complete words "${(@Q)words[2,CURRENT-1]}" "${(Q)words[CURRENT]}" 2>/dev/null)}")
    if (( ${#found} )) && [[ -n ${found[1]} ]]; then
        compadd -a found
    else
        _files
    fi
}
if ! (( $+functions[compdef] )); then
    autoload -Uz compinit && compinit
fi
compdef _dflow dflow
"""

_FISH = """\
function __dflow_complete
    set -l before (commandline -opc)
    set -l current (commandline -ct)
    set -l found ($before[1] __complete words $before[2..] "$current" 2>/dev/null)
    if test (count $found) -gt 0
        printf '%s\\n' $found
    else
        __fish_complete_path "$current"
    end
end
complete -c dflow -f -a '(__dflow_complete)'
"""

SCRIPTS = {"bash": _BASH, "zsh": _ZSH, "fish": _FISH}
"""By the name of the shell."""

//! What each shell is taught: to ask this program what could come next. Words the program answers
//! are never evaluated by the shell, only offered.

use clap::ValueEnum;

/// A shell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Shell {
    /// GNU Bash
    Bash,
    /// Z shell
    Zsh,
    /// fish
    Fish,
    /// PowerShell, on Windows and elsewhere
    #[value(name = "powershell", alias = "pwsh")]
    PowerShell,
}

impl Shell {
    /// The script, with how to install it in its first lines.
    pub(super) const fn script(self) -> &'static str {
        match self {
            Self::Bash => BASH,
            Self::Zsh => ZSH,
            Self::Fish => FISH,
            Self::PowerShell => POWERSHELL,
        }
    }
}

const BASH: &str = r#"# Completions of distans for bash. Install:
#   distans completions bash > ~/.local/share/bash-completion/completions/distans
_distans() {
    local line files=
    local -a found=()
    while IFS= read -r line; do
        case $line in
            :files) files=1 ;;
            *) found+=("${line%%$'\t'*}") ;;
        esac
    done < <(command distans __complete -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
    COMPREPLY=(${found[@]+"${found[@]}"})
    if [[ -n $files ]]; then
        compopt -o default 2>/dev/null
    fi
}
complete -F _distans distans
"#;

const ZSH: &str = r#"#compdef distans
# Completions of distans for zsh. Install, with a folder that stands in $fpath before compinit:
#   distans completions zsh > ~/.zfunc/_distans
_distans() {
    local line files
    local -a found
    while IFS= read -r line; do
        if [[ $line == :files ]]; then
            files=1
        else
            line=${line//:/\\:}
            found+=("${line/$'\t'/:}")
        fi
    done < <(command distans __complete -- "${(@Q)words[2,CURRENT]}" 2>/dev/null)
    (( $#found )) && _describe distans found
    [[ -n $files ]] && _files
    return 0
}
if [[ $funcstack[1] == _distans ]]; then
    _distans "$@"
else
    compdef _distans distans
fi
"#;

const FISH: &str = r#"# Completions of distans for fish. Install:
#   distans completions fish > ~/.config/fish/completions/distans.fish
function __distans_next
    set -l words (commandline -opc)
    set -l found (command distans __complete -- $words[2..-1] (commandline -ct) 2>/dev/null)
    if contains -- :files $found
        __fish_complete_path (commandline -ct)
    end
    string match -v -- :files $found
end
complete -c distans -f -a '(__distans_next)'
"#;

const POWERSHELL: &str = r#"# Completions of distans for PowerShell. Install, in your $PROFILE:
#   distans completions powershell | Out-String | Invoke-Expression
Register-ArgumentCompleter -Native -CommandName distans -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)
    $words = @($commandAst.CommandElements | Select-Object -Skip 1 |
        Where-Object { $_.Extent.EndOffset -le $cursorPosition } | ForEach-Object { $_.ToString() })
    # An empty last word would be lost on its way to the program.
    $blank = if ($wordToComplete -eq '') { '--blank' } else { '--word' }
    & distans __complete $blank -- @words 2>$null | Where-Object { $_ -ne ':files' } | ForEach-Object {
        $word, $help = $_ -split "`t", 2
        if (-not $help) { $help = $word }
        [System.Management.Automation.CompletionResult]::new($word, $word, 'ParameterValue', $help)
    }
}
"#;

#include "cli/completion.h"

#include <fmt/format.h>

namespace spa {
namespace {

// Inside single quotes of a POSIX shell.
std::string Quoted(std::string_view text) {
  std::string quoted = "'";
  for (const char c : text) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

std::string Join(const std::vector<std::string>& words) {
  return fmt::format("{}", fmt::join(words, " "));
}

std::vector<std::string> NamesOf(const CommandInfo& command) {
  std::vector<std::string> names;
  for (const OptionInfo& option : command.options) {
    names.insert(names.end(), option.names.begin(), option.names.end());
  }
  return names;
}

// Shell code that sets `command` to the words of the command typed so far, for example "config
// show". `words` is the expansion of the words before the cursor, the program's name not among
// them.
std::string FindCommand(const std::vector<CommandInfo>& commands, std::string_view words) {
  std::string code = fmt::format("  local command='' word\n  for word in {}; do\n", words);
  code += "    case \"${command:+$command }$word\" in\n";
  std::vector<std::string> names;
  for (const CommandInfo& command : commands) {
    if (!command.name.empty()) names.push_back(Quoted(command.name));
  }
  code +=
      fmt::format("      {}) command=\"${{command:+$command }}$word\" ;;\n", fmt::join(names, "|"));
  code += "    esac\n  done\n";
  return code;
}

std::string Bash(const std::vector<CommandInfo>& commands) {
  std::string code = "# bash completion of sharepoint-audit\n_sharepoint_audit() {\n";
  code +=
      "  local current=\"${COMP_WORDS[COMP_CWORD]}\" previous=\"${COMP_WORDS[COMP_CWORD-1]}\"\n";
  code += FindCommand(commands, "\"${COMP_WORDS[@]:1:COMP_CWORD-1}\"");
  code += "  case \"$command $previous\" in\n";
  for (const CommandInfo& command : commands) {
    for (const OptionInfo& option : command.options) {
      if (!option.takes_value) continue;
      std::vector<std::string> patterns;
      for (const std::string& name : option.names)
        patterns.push_back(Quoted(command.name + ' ' + name));
      const std::string reply =
          option.takes_path ? "mapfile -t COMPREPLY < <(compgen -f -- \"$current\")"
          : option.choices.empty()
              ? "COMPREPLY=()"
              : fmt::format("mapfile -t COMPREPLY < <(compgen -W {} -- \"$current\")",
                            Quoted(Join(option.choices)));
      code += fmt::format("    {}) {}; return ;;\n", fmt::join(patterns, "|"), reply);
    }
  }
  code += "  esac\n  local words=''\n  case \"$command\" in\n";
  for (const CommandInfo& command : commands) {
    std::vector<std::string> words = command.operands;
    for (const std::string& name : NamesOf(command)) words.push_back(name);
    code += fmt::format("    {}) words={} ;;\n", Quoted(command.name), Quoted(Join(words)));
  }
  code += "  esac\n  mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$current\")\n}\n";
  code += "complete -o filenames -F _sharepoint_audit sharepoint-audit\n";
  return code;
}

// "name:help" for zsh's _describe, where a colon in the name would end it.
std::string Described(std::string_view name, std::string_view help) {
  return Quoted(fmt::format("{}:{}", name, help));
}

std::string Zsh(const std::vector<CommandInfo>& commands) {
  std::string code =
      "#compdef sharepoint-audit\n# zsh completion of sharepoint-audit\n_sharepoint_audit() {\n";
  code += FindCommand(commands, "\"${(@)words[2,CURRENT-1]}\"");
  code += "  local previous=\"${words[CURRENT-1]}\"\n  case \"$command $previous\" in\n";
  for (const CommandInfo& command : commands) {
    for (const OptionInfo& option : command.options) {
      if (!option.takes_value) continue;
      std::vector<std::string> patterns;
      for (const std::string& name : option.names)
        patterns.push_back(Quoted(command.name + ' ' + name));
      const std::string reply = option.takes_path ? "_files"
                                : option.choices.empty()
                                    ? fmt::format("_message {}", Quoted(option.help))
                                    : "compadd -- " + Join(option.choices);
      code += fmt::format("    {}) {}; return ;;\n", fmt::join(patterns, "|"), reply);
    }
  }
  code += "  esac\n  local -a offered\n  case \"$command\" in\n";
  for (const CommandInfo& command : commands) {
    std::vector<std::string> offered;
    for (const std::string& word : command.operands) {
      const std::string full = command.name.empty() ? word : command.name + ' ' + word;
      std::string help;
      for (const CommandInfo& each : commands) {
        if (each.name == full) help = each.help;
      }
      offered.push_back(Described(word, help));
    }
    for (const OptionInfo& option : command.options) {
      for (const std::string& name : option.names) offered.push_back(Described(name, option.help));
    }
    code += fmt::format("    {}) offered=({}) ;;\n", Quoted(command.name), Join(offered));
  }
  code += "  esac\n  _describe 'sharepoint-audit' offered\n}\n_sharepoint_audit \"$@\"\n";
  return code;
}

// Inside single quotes of fish, which knows backslash escapes there.
std::string FishQuoted(std::string_view text) {
  std::string quoted = "'";
  for (const char c : text) {
    if (c == '\'' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + "'";
}

// True where exactly the words of `command` have been typed, none of its subcommands yet.
std::string FishCondition(const CommandInfo& command) {
  if (command.name.empty()) return "__fish_use_subcommand";
  std::string condition;
  std::size_t from = 0;
  while (from <= command.name.size()) {
    const std::size_t space = std::min(command.name.find(' ', from), command.name.size());
    if (!condition.empty()) condition += "; and ";
    condition += "__fish_seen_subcommand_from " + command.name.substr(from, space - from);
    from = space + 1;
  }
  return condition;
}

std::string Fish(const std::vector<CommandInfo>& commands) {
  std::string code = "# fish completion of sharepoint-audit\ncomplete -c sharepoint-audit -f\n";
  for (const CommandInfo& command : commands) {
    const std::string start =
        fmt::format("complete -c sharepoint-audit -n {}", FishQuoted(FishCondition(command)));
    for (const std::string& word : command.operands) {
      const std::string full = command.name.empty() ? word : command.name + ' ' + word;
      std::string help;
      for (const CommandInfo& each : commands) {
        if (each.name == full) help = each.help;
      }
      code += fmt::format("{} -a {} -d {}\n", start, FishQuoted(word), FishQuoted(help));
    }
    for (const OptionInfo& option : command.options) {
      std::string line = start;
      for (const std::string& name : option.names) {
        line += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
      }
      if (option.takes_value) line += option.takes_path ? " -r -F" : " -x";
      if (!option.choices.empty()) line += " -a " + FishQuoted(Join(option.choices));
      code += fmt::format("{} -d {}\n", line, FishQuoted(option.help));
    }
  }
  return code;
}

}  // namespace

std::string CompletionScript(std::string_view shell, const std::vector<CommandInfo>& commands) {
  if (shell == "zsh") return Zsh(commands);
  if (shell == "fish") return Fish(commands);
  return Bash(commands);
}

}  // namespace spa

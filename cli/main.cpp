// sharepoint-audit: from arguments to exit code. Nothing else exits.
#include <fmt/format.h>

#include <csignal>
#include <exception>
#include <map>

#include "cli/commands.h"
#include "cli/files.h"
#include "core/config/config_loader.h"
#include "core/log/log.h"
#include "core/log/terminal_text.h"
#include "core/trace.h"

namespace spa {
namespace {

using Command = Result<ExitCode> (*)(const Invocation&);

const std::map<std::string, Command> kCommands = {
    {"audit", CommandAudit},
    {"demo", CommandDemo},
    {"simulate", CommandSimulate},
    {"plan", CommandPlan},
    {"doctor", CommandDoctor},
    {"runs", CommandRuns},
    {"runs show", CommandRunsShow},
    {"runs delete", CommandRunsDelete},
    {"runs prune", CommandRunsPrune},
    {"runs merge", CommandRunsMerge},
    {"backup", CommandBackup},
    {"restore", CommandRestore},
    {"export", CommandExport},
    {"report", CommandReport},
    {"findings", CommandFindings},
    {"findings rules", CommandFindingsRules},
    {"findings accept", CommandFindingsAccept},
    {"findings reopen", CommandFindingsReopen},
    {"findings baseline", CommandFindingsBaseline},
    {"findings test", CommandFindingsTest},
    {"who", CommandWho},
    {"what", CommandWhat},
    {"why", CommandWhy},
    {"cut", CommandCut},
    {"whatif", CommandWhatIf},
    {"diff", CommandDiff},
    {"serve", CommandServe},
    {"config init", CommandConfigInit},
    {"config show", CommandConfigShow},
    {"config schema", CommandConfigSchema},
    {"config reference", CommandConfigReference},
    {"completion", CommandCompletion},
};

Result<ExitCode> Run(const std::vector<std::string>& arguments) {
  auto parsed = ParseCommandLine(arguments);
  if (!parsed) return Fail(parsed.error());
  if (parsed->version) return Print(VersionText());
  if (!parsed->help.empty()) return Print(parsed->help);

  Invocation invocation;
  invocation.flags = std::move(parsed->flags);
  invocation.environment = ProcessEnvironment();
  const std::string& name = invocation.flags.command;
  const Command command = name.starts_with("cache ") ? &CommandCache : kCommands.at(name);
  const auto exit = command(invocation);
  trace::WriteCommand(name, static_cast<int>(exit ? *exit : ExitCodeOf(exit.error().code)));
  return exit;
}

// Errors are for people: always plain lines, whatever form the log has.
void Report(const Error& error) {
  std::string text = log::Redact(error.message);
  if (!error.remedy.empty()) {
    const bool sentence = error.remedy.front() >= 'A' && error.remedy.front() <= 'Z';
    text += (sentence ? ". " : "; ") + log::Redact(error.remedy);
  }
  if (!error.request_id.empty()) text += fmt::format(" (request id {})", error.request_id);
  fmt::print(stderr, "sharepoint-audit: {}\n", EscapeForTerminal(text));
}

}  // namespace
}  // namespace spa

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);  // A file that may not grow is an error like a full disk.
  (void)spa::trace::Id();         // The command begins now.
  try {
    const auto exit = spa::Run(std::vector<std::string>(argv + 1, argv + argc));
    if (exit) return static_cast<int>(*exit);
    spa::Report(exit.error());
    return static_cast<int>(spa::ExitCodeOf(exit.error().code));
  } catch (const std::exception& bug) {
    spa::Report(spa::Error(spa::ErrorCode::kInternal,
                           fmt::format("unexpected failure: {}", bug.what()),
                           "please report this with the command and its -vv output"));
    return static_cast<int>(spa::ExitCode::kFailure);
  }
}

// The commands: each takes what was typed, runs to its end and says how that ended. An Error is an
// ending, too; main turns both into the exit code.
#pragma once

#include <map>
#include <string>

#include "cli/command_line.h"
#include "cli/exit_code.h"
#include "core/result.h"

namespace spa {

struct Invocation {
  Invocation() = default;
  Flags flags;
  std::map<std::string, std::string> environment;
};

Result<ExitCode> CommandAudit(const Invocation& invocation);
Result<ExitCode> CommandDemo(const Invocation& invocation);
Result<ExitCode> CommandSimulate(const Invocation& invocation);
Result<ExitCode> CommandPlan(const Invocation& invocation);
Result<ExitCode> CommandDoctor(const Invocation& invocation);
Result<ExitCode> CommandRuns(const Invocation& invocation);
Result<ExitCode> CommandRunsShow(const Invocation& invocation);
Result<ExitCode> CommandRunsDelete(const Invocation& invocation);
Result<ExitCode> CommandRunsPrune(const Invocation& invocation);
Result<ExitCode> CommandRunsMerge(const Invocation& invocation);
Result<ExitCode> CommandBackup(const Invocation& invocation);
Result<ExitCode> CommandRestore(const Invocation& invocation);
Result<ExitCode> CommandExport(const Invocation& invocation);
Result<ExitCode> CommandReport(const Invocation& invocation);
Result<ExitCode> CommandFindings(const Invocation& invocation);
Result<ExitCode> CommandFindingsRules(const Invocation& invocation);
Result<ExitCode> CommandFindingsAccept(const Invocation& invocation);
Result<ExitCode> CommandFindingsReopen(const Invocation& invocation);
Result<ExitCode> CommandFindingsBaseline(const Invocation& invocation);
Result<ExitCode> CommandFindingsTest(const Invocation& invocation);
Result<ExitCode> CommandWho(const Invocation& invocation);
Result<ExitCode> CommandWhat(const Invocation& invocation);
Result<ExitCode> CommandWhy(const Invocation& invocation);
Result<ExitCode> CommandCut(const Invocation& invocation);
Result<ExitCode> CommandWhatIf(const Invocation& invocation);
Result<ExitCode> CommandDiff(const Invocation& invocation);
Result<ExitCode> CommandCache(const Invocation& invocation);  // Every `cache …`: cli/cache/verbs.h
Result<ExitCode> CommandServe(const Invocation& invocation);
Result<ExitCode> CommandConfigInit(const Invocation& invocation);
Result<ExitCode> CommandConfigShow(const Invocation& invocation);
Result<ExitCode> CommandConfigSchema(const Invocation& invocation);
Result<ExitCode> CommandConfigReference(const Invocation& invocation);
Result<ExitCode> CommandCompletion(const Invocation& invocation);

// "sharepoint-audit 0.1.0" and what it was built with.
std::string VersionText();

}  // namespace spa

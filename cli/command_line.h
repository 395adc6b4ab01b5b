// The command line as typed. One place declares every command and option; parsing, --help, the
// completions and the tests come from it. Nothing outside command_line.cpp knows CLI11. The verbs
// of `cache` are a table of their own, cli/cache/verbs.h.
//
// Step one of three: Flags hold what was typed, unchecked beyond type and choice. cli/options.h
// turns them into checked options, and a run takes those.
//
// Errors: kUsage, with the option and what was expected.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"

namespace spa {

struct Flags {
  Flags() = default;
  std::string command;  // "audit", "config show", …

  std::string config_file;                  // --config; empty: the usual places
  std::map<std::string, std::string> keys;  // Configuration keys given by flag: path -> text
  int verbosity = 0;
  bool quiet = false;

  // audit
  bool full = false, incremental = false, no_cache = false, dry_run = false;
  bool pseudonymise = false;
  std::string resume, record, replay, max_age, shard;
  std::string output_format;  // Empty: table on a terminal, json elsewhere
  std::string metrics_file;
  std::string fail_on = "none";
  std::string min_coverage;
  std::string patience = "15m";

  // simulate, demo
  std::string preset = "demo";
  std::string spec_file;
  std::vector<std::string> settings;  // --set NAME=VALUE
  std::string port = "0";
  bool https = false;
  int threads = 1;
  std::string write_config;
  std::string credential = "secret";
  std::string directory = "demo-output";

  // plan
  bool look = false, score = false;
  std::string from_run;

  // diff; from_run, too
  std::string to_run, as_of;

  // export, runs
  std::string keep;
  std::string older_than;
  bool compact = false;
  std::string what;
  std::string run;
  std::string format = "jsonl";
  std::string csv_dialect = "rfc4180";
  std::string output_file;
  bool all = false;
  std::vector<std::string> sources;  // runs merge
  bool partial = false;

  // backup, restore
  std::string file;
  bool check = false;

  // findings
  std::string severity = "info", rule, state = "all";
  std::string owner, reason, until;

  // who, what, why, cut, whatif
  std::string principal, object, remove;
  int limit = 100;

  // config, doctor, completion
  bool origin = false, defaults = false, force = false, json = false, no_doctor = false;
  std::string shell;

  // cache: by the id of the option (cli/cache/verbs.h); what takes no value has no texts.
  std::map<std::string, std::vector<std::string>> options;
  std::vector<std::string> words;  // Those after the verb; the runs to delete.
};

struct ParsedLine {
  ParsedLine() = default;
  Flags flags;
  std::string help;      // --help was given: this, on stdout, is the whole answer.
  bool version = false;  // --version was given.
};

// `arguments` without the program's name.
Result<ParsedLine> ParseCommandLine(const std::vector<std::string>& arguments);

// What completions and documents need to know about the commands.
struct OptionInfo {
  OptionInfo() = default;
  std::vector<std::string> names;  // "--db", "-v"
  std::string help;
  bool takes_value = false;
  bool takes_path = false;
  std::vector<std::string> choices;
};
struct CommandInfo {
  CommandInfo() = default;
  std::string name;  // "config show"
  std::string help;
  std::vector<OptionInfo> options;
  std::vector<std::string> operands;  // Words that may stand after it: subcommands or choices.
  std::string examples;               // Lines, indented; may be empty.
};
std::vector<CommandInfo> DescribeCommands();

}  // namespace spa

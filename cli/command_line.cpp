#include "cli/command_line.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <functional>

#include "cli/cache/verbs.h"
#include "core/config/config_keys.h"
#include "simulator/tenant_spec.h"

namespace spa {
namespace {

using Words = std::vector<std::string>;

// Owns the CLI11 application and where it writes.
class Grammar {
 public:
  Grammar() : app_("Audits who can reach what in a SharePoint Online tenant.", "sharepoint-audit") {
    app_.set_help_flag("-h,--help", "Show this help");
    app_.set_help_all_flag("--help-all")->group("");
    app_.add_flag("--version", version_, "Show the version and what it was built with");
    app_.require_subcommand(1);
    app_.footer(
        "Examples:\n"
        "  sharepoint-audit demo                        see an audit of a simulated tenant\n"
        "  sharepoint-audit config init                 write a configuration\n"
        "  sharepoint-audit doctor                      check it against the tenant\n"
        "  sharepoint-audit plan                        forecast what an audit will cost\n"
        "  sharepoint-audit audit                       audit the tenant\n"
        "  sharepoint-audit export permissions          who has which permission, as JSON lines\n"
        "  sharepoint-audit findings                    what should be looked at\n"
        "  sharepoint-audit report                      all of it as a page to read and pass on\n"
        "  sharepoint-audit who URL                     who can reach an object, and how\n"
        "  sharepoint-audit diff                        what changed since the run before\n"
        "  sharepoint-audit backup FILE                 the database as one file, with a "
        "checksum\n\n"
        "Exit codes: 0 done, 1 failure, 2 bad usage or configuration, 3 findings, 4 "
        "authentication,\n"
        "5 unreachable or throttled, 6 coverage too low, 75 another run holds the lock, 130 "
        "interrupted.");
    Audit();
    Demo();
    Simulate();
    Plan();
    Doctor();
    Runs();
    Backup();
    Findings();
    Export();
    Report();
    Access();
    Diff();
    Cache();
    Serve();
    ConfigCommands();
    Completion();
  }

  Result<ParsedLine> Parse(std::vector<std::string> arguments) {
    ParsedLine parsed;
    std::reverse(arguments.begin(), arguments.end());  // As CLI11 takes them.
    try {
      app_.parse(std::move(arguments));
    } catch (const CLI::CallForHelp&) {
      parsed.help = Chosen()->help();
      return parsed;
    } catch (const CLI::CallForAllHelp&) {
      parsed.help = app_.help("", CLI::AppFormatMode::All);
      return parsed;
    } catch (const CLI::ParseError& error) {
      if (version_ && Chosen() == &app_) {
        parsed.version = true;
        return parsed;
      }
      return Fail(Explain(error));
    }
    parsed.version = version_;
    parsed.flags = flags_;
    parsed.flags.command = CommandName(Chosen());
    return parsed;
  }

  std::vector<CommandInfo> Describe() const {
    std::vector<CommandInfo> commands;
    Describe(app_, commands);
    return commands;
  }

 private:
  // --- commands ---

  void Audit() {
    CLI::App* audit = Command("audit", "Discover, read permissions, analyse, store");
    audit->footer(
        "Examples:\n"
        "  sharepoint-audit audit --config config/config.json\n"
        "  sharepoint-audit audit --sites https://contoso.sharepoint.com/sites/hr --full\n"
        "  sharepoint-audit audit --output-format json --min-coverage 99 > summary.json");
    for (const std::string_view path :
         {"db.path", "target_sites", "concurrency.max_api_calls", "concurrency.max_sites"}) {
      AddKey(audit, *FindConfigKey(path), "Options");
    }
    auto* full = audit->add_flag("--full", flags_.full, "Read everything again");
    audit
        ->add_flag("--incremental", flags_.incremental,
                   "Read what changed since the last run; default where the last full one is less "
                   "than a week old")
        ->excludes(full);
    audit->add_flag("--no-cache", flags_.no_cache,
                    "Use neither cache level nor request coalescing");
    audit->add_option("--resume", flags_.resume, "Go on with an interrupted run: its id, or last")
        ->type_name("RUN");
    CLI::Option* shard =
        audit
            ->add_option("--shard", flags_.shard,
                         "Audit part I of N, beside other processes; see `runs merge`")
            ->type_name("I/N");
    audit
        ->add_flag("--dry-run", flags_.dry_run,
                   "Look at sites and libraries and tell what the audit would cost; read no item")
        ->excludes(shard);  // It tells of the whole tenant.
    Choice(audit->add_option("--output-format", flags_.output_format,
                             "Form of the summary; table on a terminal, else json"),
           {"table", "json", "csv"});
    Path(audit->add_option("--metrics", flags_.metrics_file,
                           "Also write the summary as Prometheus metrics to this file"));
    Choice(audit->add_option("--fail-on", flags_.fail_on, "Exit 3 from this severity on"),
           {"none", "info", "low", "medium", "high", "critical"});
    audit
        ->add_option("--min-coverage", flags_.min_coverage,
                     "Exit 6 below this share of objects read")
        ->type_name("PERCENT");
    auto* record = Path(audit->add_option(
        "--record", flags_.record, "Read everything and keep every answer in this directory"));
    audit
        ->add_flag("--pseudonymise", flags_.pseudonymise,
                   "Replace names, addresses and titles in what --record keeps")
        ->needs(record);
    auto* replay = Path(audit->add_option(
        "--replay", flags_.replay,
        "Take all answers from this directory and send nothing; wants a new database (--db)"));
    record->excludes(replay);
    for (const char* name : {"--incremental", "--resume"}) {
      audit->get_option(name)->excludes(record)->excludes(replay);
    }
    replay->excludes(audit->get_option("--sites"));  // Those of the recorded run are read.
    audit
        ->add_option("--max-age", flags_.max_age,
                     "Ask again for what was read or remembered longer ago")
        ->type_name("DURATION");
    audit->add_option("--patience", flags_.patience, "Give up after this long without progress")
        ->type_name("DURATION")
        ->capture_default_str();
    Common(audit);
    AllKeys(audit);
  }

  void Demo() {
    CLI::App* demo = Command("demo", "Audit a simulated tenant and say where everything is");
    Path(demo->add_option("directory", flags_.directory,
                          "Where configuration, database and exports go"))
        ->capture_default_str();
    Choice(demo->add_option("--preset", flags_.preset, "Which simulated tenant"),
           TenantSpec::PresetNames())
        ->capture_default_str();
    Verbosity(demo);
  }

  void Simulate() {
    CLI::App* simulate = Command("simulate", "Serve a simulated tenant on loopback until stopped");
    simulate->footer(
        "Prints the address to standard output. Example:\n"
        "  sharepoint-audit simulate --preset medium --port 8080 --write-config sim/config.json &\n"
        "  sharepoint-audit audit --config sim/config.json");
    CLI::Option* preset =
        Choice(simulate->add_option("--preset", flags_.preset, "Which simulated tenant"),
               TenantSpec::PresetNames())
            ->capture_default_str();
    Path(
        simulate->add_option("--spec", flags_.spec_file, "A tenant of your own, described in JSON"))
        ->excludes(preset);
    simulate
        ->add_option("--set", flags_.settings, "Change one setting of the tenant; may be repeated")
        ->type_name("NAME=VALUE")
        ->expected(1)
        ->take_all();
    simulate->add_option("--port", flags_.port, "Port on 127.0.0.1; 0: a free one")
        ->capture_default_str();
    simulate->add_flag("--https", flags_.https, "Serve HTTPS with a certificate of its own");
    simulate->add_option("--threads", flags_.threads, "Threads that answer")
        ->type_name("N")
        ->check(CLI::Range(1, 64))
        ->capture_default_str();
    Path(simulate->add_option("--write-config", flags_.write_config,
                              "Write a configuration that audits this tenant"));
    Choice(simulate->add_option("--credential", flags_.credential,
                                "What that configuration signs in with"),
           {"secret", "certificate"})
        ->capture_default_str();
    Verbosity(simulate);
  }

  void Plan() {
    CLI::App* plan =
        Command("plan", "Forecast what an audit will cost, before it touches any item");
    plan->footer(
        "Examples:\n"
        "  sharepoint-audit plan                        from the last run, or a first look\n"
        "  sharepoint-audit plan --look                 list sites and libraries anew\n"
        "  sharepoint-audit plan --score                how well the last forecast did");
    auto* look = plan->add_flag("--look", flags_.look,
                                "Look at the tenant; default where the database has no run");
    auto* from = plan->add_option("--from-run", flags_.from_run,
                                  "Go by what this run found: its id, or last")
                     ->type_name("RUN");
    auto* score = plan->add_flag("--score", flags_.score,
                                 "Compare the last forecast with the run that followed it");
    look->excludes(from);
    score->excludes(look)->excludes(from);
    Choice(plan->add_option("--output-format", flags_.output_format,
                            "Form of the forecast; table on a terminal, else json"),
           {"table", "json"});
    Common(plan);
    AllKeys(plan);
  }

  void Doctor() {
    CLI::App* doctor =
        Command("doctor", "Check configuration, credential, network, consent and database");
    doctor->add_flag("--json", flags_.json, "Print the checks as JSON");
    Common(doctor);
    AllKeys(doctor);
  }

  void Runs() {
    CLI::App* runs = Command("runs", "List the runs in the database, show or delete some");
    runs->require_subcommand(0, 1);
    CLI::App* show = Command("show", "Show the summary of a run", runs);
    show->add_option("RUN", flags_.run, "Run id, or last")->required();
    CLI::App* del = Command("delete", "Delete runs and what no other run saw", runs);
    del->add_option("RUN", flags_.words, "Run ids")->required();
    del->add_flag("--force", flags_.force, "Also the last finished run, which exports show");
    CLI::App* prune = Command("prune", "Delete all but the last finished runs", runs);
    prune->footer(
        "Examples:\n"
        "  sharepoint-audit runs prune --keep 30\n"
        "  sharepoint-audit runs prune --older-than 90d --keep 10    both must allow it");
    prune
        ->add_option("--keep", flags_.keep,
                     "How many finished runs stay; 1 at least, also without it")
        ->type_name("N")
        ->check(CLI::Range(1, 1'000'000));
    prune->add_option("--older-than", flags_.older_than, "Only runs that began longer ago")
        ->type_name("DURATION");
    for (CLI::App* command : {del, prune}) {
      command->add_flag("--compact", flags_.compact,
                        "Give the room back to the disk; needs room for a second copy meanwhile");
    }
    CLI::App* merge =
        Command("merge", "Make one run of the audits of all shards, in the database --db", runs);
    merge->footer(
        "Example:\n"
        "  sharepoint-audit audit --shard 1/2 --db one.db     (elsewhere: --shard 2/2 --db "
        "two.db)\n"
        "  sharepoint-audit runs merge one.db two.db --db whole.db");
    Path(merge->add_option("FROM", flags_.sources, "Databases of the shards"))->required();
    merge->add_flag("--partial", flags_.partial, "Go on where shards are missing: each is a gap");
    for (CLI::App* command : {runs, show, del, prune, merge}) {
      Choice(command->add_option("--output-format", flags_.output_format,
                                 "Form of the list; table on a terminal, else json"),
             {"table", "json"});
      DatabaseKeys(command);
      Common(command);
    }
  }

  void Backup() {
    CLI::App* backup =
        Command("backup", "Write the audit database to one file, also while an audit runs");
    backup->footer(
        "Examples:\n"
        "  sharepoint-audit backup audit.backup --force       replaces the one of yesterday\n"
        "  sharepoint-audit restore audit.backup --check      is it whole?");
    Path(backup->add_option("FILE", flags_.file, "The backup to write"))->required();
    backup->add_flag("--force", flags_.force, "Replace the file if it is there");
    CLI::App* restore = Command("restore", "Put a backup in the place of the audit database");
    restore->footer(
        "Example:\n"
        "  sharepoint-audit restore audit.backup --db audit.db\n\n"
        "What the database held before is kept beside it, as DB.replaced-TIME, which is a backup,\n"
        "too. While a run holds the database nothing is restored (exit code 75).");
    Path(restore->add_option("FILE", flags_.file, "What `backup` wrote"))->required();
    auto* check =
        restore->add_flag("--check", flags_.check, "Prove the backup and restore nothing");
    restore->add_flag("--force", flags_.force, "Keep no copy of what the database held before")
        ->excludes(check);
    for (CLI::App* command : {backup, restore}) {
      command->add_flag("--json", flags_.json, "Print the answer as JSON");
      DatabaseKeys(command);
      Common(command);
    }
  }

  void Findings() {
    CLI::App* findings = Command("findings", "List what a run found, accept it, test rules");
    findings->require_subcommand(0, 1);
    findings->footer(
        "Examples:\n"
        "  sharepoint-audit findings --severity high\n"
        "  sharepoint-audit findings accept 8c1f0a22b3d4e5f6 --owner pam --until 2027-03-31 \\\n"
        "      --reason \"press kit, public on purpose\"\n"
        "  sharepoint-audit audit --fail-on high");
    Choice(findings->add_option("--severity", flags_.severity, "This severity and graver ones")
               ->capture_default_str(),
           {"info", "low", "medium", "high", "critical"});
    findings->add_option("--rule", flags_.rule, "Of this rule alone")->type_name("RULE");
    findings->add_option("--object", flags_.object, "Part of an object's URL, or its id")
        ->type_name("TEXT");
    Choice(findings->add_option("--state", flags_.state, "What was decided")->capture_default_str(),
           {"all", "open", "accepted", "baseline", "expired"});
    findings->add_option("--limit", flags_.limit, "How many are listed at most; 0: all")
        ->type_name("N")
        ->check(CLI::Range(0, 1'000'000'000))
        ->capture_default_str();
    CLI::App* rules = Command("rules", "The rules, and which could be evaluated", findings);
    CLI::App* accept = Command("accept", "Accept findings until a day", findings);
    accept->add_option("FINDING", flags_.words, "Ids, or beginnings of them")->required();
    accept->add_option("--owner", flags_.owner, "Who answers for it")->required();
    accept->add_option("--reason", flags_.reason, "Why it is all right")->required();
    accept->add_option("--until", flags_.until, "The last day")->type_name("DATE")->required();
    CLI::App* reopen = Command("reopen", "Take back what was decided", findings);
    reopen->add_option("FINDING", flags_.words, "Ids, or beginnings of them")->required();
    CLI::App* baseline =
        Command("baseline", "All open findings are known: only new ones count", findings);
    CLI::App* test = Command("test", "Test rules of one's own", findings);
    Path(test->add_option("FOLDER", flags_.directory, "Rules and their tests"))->required();
    Verbosity(test);
    for (CLI::App* command : {findings, rules, baseline}) {
      command->add_option("--run", flags_.run, "Run id; default: the last finished run");
    }
    for (CLI::App* command : {findings, rules}) {
      command->add_flag("--json", flags_.json, "Print it as JSON");
    }
    for (CLI::App* command : {findings, rules, accept, reopen, baseline}) {
      DatabaseKeys(command);
      Common(command);
    }
  }

  void Export() {
    CLI::App* command =
        Command("export", "Write permissions, access, groups and more for other programs");
    command->footer(
        "Examples:\n"
        "  sharepoint-audit export permissions --format csv --csv-dialect excel --output who.csv\n"
        "  sharepoint-audit export permissions --all | jq 'select(.link_scope == \"anonymous\")'\n"
        "  sharepoint-audit export access | jq 'select(.audience == \"anyone\")'\n"
        "  sharepoint-audit export findings --format sarif --output findings.sarif\n"
        "  sharepoint-audit export workbook --format xlsx --output audit.xlsx\n"
        "  sharepoint-audit export coverage");
    Choice(command->add_option("what", flags_.what, "What to write")->required(),
           {"permissions", "access", "objects", "groups", "findings", "coverage", "workbook"});
    command->add_option("--run", flags_.run, "Run id; default: the last finished run");
    command->add_flag("--all", flags_.all, "Every object, the inheriting included");
    Choice(command->add_option("--format", flags_.format, "File format; the last two: of findings")
               ->capture_default_str(),
           {"jsonl", "csv", "json", "xlsx", "sarif", "ocsf"});
    Choice(command->add_option("--csv-dialect", flags_.csv_dialect, "excel: with byte order mark")
               ->capture_default_str(),
           {"rfc4180", "excel"});
    Path(command->add_option("-o,--output", flags_.output_file,
                             "File to write; default: standard output"));
    DatabaseKeys(command);
    Common(command);
  }

  void Report() {
    CLI::App* report =
        Command("report", "Write what a run found as one HTML file that needs nothing else");
    report->footer(
        "Prints where the file is. Examples:\n"
        "  sharepoint-audit report\n"
        "  sharepoint-audit report --db audit.db --output sharing.html\n"
        "  sharepoint-audit report --run 20261120T081405Z-1a2b3c --output november.html");
    report->add_option("--run", flags_.run, "Run id; default: the last finished run");
    Path(report->add_option("-o,--output", flags_.output_file,
                            "File to write, replaced if it is there; default: report.html; -: "
                            "standard output"));
    DatabaseKeys(report);
    Common(report);
  }

  // Questions about one run, answered from the database alone.
  void Access() {
    CLI::App* who = Command("who", "Who can reach an object, how far and by which way");
    CLI::App* what = Command("what", "What a person or group can reach");
    CLI::App* why = Command("why", "Every path by which somebody reaches an object");
    CLI::App* cut = Command("cut", "The fewest grants and memberships to remove to end it");
    CLI::App* whatif = Command("whatif", "What taking something away would change");
    who->footer(
        "Examples:\n"
        "  sharepoint-audit who https://contoso.sharepoint.com/sites/hr\n"
        "  sharepoint-audit who \"/sites/hr/Shared Documents/Pay.xlsx\" --json");
    what->footer(
        "Examples:\n"
        "  sharepoint-audit what lee@partner.example\n"
        "  sharepoint-audit what 0d5c7a5e-1111-4c1a-9c1f-000000000001 --json");
    why->footer("Example:\n  sharepoint-audit why lee@partner.example /sites/hr");
    cut->footer("Example:\n  sharepoint-audit cut lee@partner.example /sites/hr");
    whatif->footer(
        "Examples:\n"
        "  sharepoint-audit whatif --remove group:2a9b7c00-7777-4c1a-9c1f-000000000007\n"
        "  sharepoint-audit whatif --remove guest-domain:partner.example\n"
        "  sharepoint-audit whatif --remove link-class:anonymous\n"
        "  sharepoint-audit whatif --remove user:lee@partner.example --json");
    for (CLI::App* command : {what, why, cut}) {
      command
          ->add_option("PRINCIPAL", flags_.principal,
                       "User principal name, mail address, id, or a name nobody else has")
          ->required()
          ->type_name("");
    }
    for (CLI::App* command : {who, why, cut}) {
      command->add_option("OBJECT", flags_.object, "URL, path below the host, or id")
          ->required()
          ->type_name("");
    }
    whatif
        ->add_option("--remove", flags_.remove,
                     "group:NAME, user:NAME, guest-domain:DOMAIN, or "
                     "link-class:anonymous|organization|users")
        ->required()
        ->type_name("WHAT");
    for (CLI::App* command : {who, what, whatif}) {
      command
          ->add_option("--limit", flags_.limit,
                       "How many lines a list has at most; counts are of all; 0: all")
          ->type_name("N")
          ->check(CLI::Range(0, 1'000'000'000))
          ->capture_default_str();
    }
    for (CLI::App* command : {who, what, why, cut, whatif}) {
      command->add_option("--run", flags_.run, "Run id; default: the last finished run");
      command->add_flag("--json", flags_.json, "Print the answer as JSON");
      DatabaseKeys(command);
      Common(command);
    }
  }

  void Diff() {
    CLI::App* diff = Command("diff", "What changed between two runs");
    diff->footer(
        "A RUN is a run's id, last, or a date: the last run that began by then (a day counts to "
        "its "
        "end).\n"
        "Examples:\n"
        "  sharepoint-audit diff                        between the last two finished runs\n"
        "  sharepoint-audit diff --as-of 2026-10-31     since then\n"
        "  sharepoint-audit diff 2026-10-01 2026-10-31 --output-format html --output october.html\n"
        "  sharepoint-audit diff --fail-on gained       exit code 3 where somebody reaches more");
    auto* from = diff->add_option("FROM", flags_.from_run, "The earlier run; default: see above")
                     ->type_name("RUN");
    diff->add_option("TO", flags_.to_run, "The later run; default: the last finished one")
        ->type_name("RUN");
    diff->add_option("--as-of", flags_.as_of, "What changed since this date")
        ->type_name("DATE")
        ->excludes(from);
    Choice(
        diff->add_option("--output-format", flags_.output_format, "table on a terminal, else json"),
        {"table", "json", "csv", "html"});
    Path(diff->add_option("-o,--output", flags_.output_file,
                          "File to write; default: standard output"));
    Choice(
        diff->add_option("--fail-on", flags_.fail_on,
                         "Exit 3 where there is a new finding of this severity or graver; gained: "
                         "where somebody reaches more; change: at any change"),
        {"none", "info", "low", "medium", "high", "critical", "gained", "change"});
    diff->add_option("--limit", flags_.limit,
                     "How many lines each part of the table has at most; 0: all")
        ->type_name("N")
        ->check(CLI::Range(0, 1'000'000'000))
        ->capture_default_str();
    DatabaseKeys(diff);
    Common(diff);
  }

  void Cache() {
    CLI::App* cache = Command("cache", "Look into the cache, keep it, measure it");
    cache->require_subcommand(1);
    cache->footer(
        "A KEY is sharepoint_audit:KIND:SCHEMA:ID, KIND:SCHEMA:ID, KIND:ID, or just an id.\n"
        "Exit codes: 0 done, 1 absent or failed, 2 bad usage, 3 regression or finding, 4 refused "
        "by\nRedis, 5 second level unreachable or not in time.");
    std::map<std::string, CLI::App*> groups;
    for (const CacheVerb& verb : CacheVerbs()) {
      const std::string name(verb.name);
      const std::size_t space = name.find(' ');
      CLI::App* group = space == std::string::npos ? cache : groups.at(name.substr(0, space));
      const CacheVerb* above = FindCacheVerb(name.substr(0, space));
      group->require_subcommand(group == cache || above->run == nullptr ? 1 : 0, 1);
      CLI::App* command = Command(name.substr(space + 1), std::string(verb.help), group);
      groups[name] = command;
      if (verb.run == nullptr) continue;
      if (verb.example.empty()) command->group("");
      Declare(command, verb);
    }
  }

  void Declare(CLI::App* command, const CacheVerb& verb) {
    if (!verb.example.empty()) {
      command->footer(fmt::format("Example:\n  sharepoint-audit cache {}", verb.example));
    }
    for (std::string word : SplitWords(verb.words)) {
      const bool optional = word.starts_with('[');
      if (optional) word = word.substr(1, word.size() - 2);
      const bool many = word.ends_with("...");
      if (many) word.resize(word.size() - 3);
      const Words choices = word.find('|') == std::string::npos ? Words() : SplitWords(word, '|');
      const std::string name = choices.empty() ? word : "what";
      CLI::Option* option = nullptr;
      if (many) {
        option = command->add_option_function<Words>(name, [this](const Words& given) {
          flags_.words.insert(flags_.words.end(), given.begin(), given.end());
        });
      } else {
        option = command->add_option_function<std::string>(
            name, [this](const std::string& given) { flags_.words.push_back(given); });
      }
      option->required(!optional);
      option->type_name("");
      if (!choices.empty()) Choice(option, choices);
    }
    for (const std::string& id : SplitWords(verb.options)) {
      const CacheOption& row = CacheOptionOf(id);
      const std::string flag(row.flag), help(row.help);
      if (row.value.empty()) {
        command->add_flag_callback(
            flag, [this, id] { flags_.options[id]; }, help);
        continue;
      }
      CLI::Option* option = command->add_option_function<Words>(
          flag, [this, id](const Words& given) { flags_.options[id] = given; }, help);
      option->expected(1)->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
      if (row.value.find('|') != std::string_view::npos) {
        Choice(option, SplitWords(row.value, '|'));
      } else {
        if (row.value == "FILE") Path(option);
        option->type_name(std::string(row.value));
      }
    }
    Common(command);
    for (const ConfigKey& key : ConfigKeys()) {
      const bool ours = key.path.starts_with("cache.") || key.path.starts_with("logging.") ||
                        (verb.name == "warm" && !key.path.starts_with("serve.") &&
                         !key.path.starts_with("notify."));
      if (ours && !key.flag.empty()) AddKey(command, key, "Configuration");
    }
  }

  void Serve() {
    CLI::App* serve = Command("serve", "Serve the cache's figures and management over HTTP");
    serve->footer(
        "Prints the address to standard output. Examples:\n"
        "  sharepoint-audit serve --port 8080 &\n"
        "  curl -H \"X-Api-Key: $(cat .sharepoint-audit/serve.key)\" \\\n"
        "       http://127.0.0.1:8080/cache/stats\n"
        "  sharepoint-audit serve --listen 0.0.0.0 --port 8443 --tls-cert cert.pem --tls-key "
        "key.pem");
    for (const ConfigKey& key : ConfigKeys()) {
      if (key.path.starts_with("serve.") && !key.flag.empty()) AddKey(serve, key, "Options");
    }
    Common(serve);
    AllKeys(serve);
  }

  void ConfigCommands() {
    CLI::App* config = Command("config", "Make, show and describe the configuration");
    config->require_subcommand(1);
    CLI::App* init = Command("init", "Write a configuration file; asks on a terminal", config);
    init->footer(
        "Examples:\n"
        "  sharepoint-audit config init                        asks, writes, and calls the doctor\n"
        "  sharepoint-audit config init --tenant-url https://contoso.sharepoint.com \\\n"
        "      --tenant-id ID --client-id ID --certificate certificate.pem\n"
        "  sharepoint-audit config init </dev/null             a template to fill in");
    init->add_flag("--force", flags_.force, "Overwrite the file that is there");
    init->add_flag("--no-doctor", flags_.no_doctor, "Write the file and check nothing");
    CLI::App* show =
        Command("show", "Show the configuration that is in force, secrets hidden", config);
    show->add_flag("--origin", flags_.origin, "Say where each value comes from");
    show->add_flag("--defaults", flags_.defaults, "Also show keys that are at their default");
    CLI::App* schema = Command("schema", "Print the JSON Schema of the configuration file", config);
    CLI::App* reference = Command("reference", "Print the table of keys as Markdown", config);
    reference->group("");
    for (CLI::App* command : {init, show}) Common(command);
    for (CLI::App* command : {schema, reference}) Verbosity(command);
    for (CLI::App* command : {init, show}) AllKeys(command);
  }

  void Completion() {
    CLI::App* completion =
        Command("completion", "Print the completion script of a shell, or the manual page");
    Choice(completion->add_option("shell", flags_.shell, "Which shell, or man")->required(),
           {"bash", "zsh", "fish", "man"});
    completion->footer(
        "Examples:\n"
        "  sharepoint-audit completion bash > /etc/bash_completion.d/sharepoint-audit\n"
        "  sharepoint-audit completion zsh  > \"${fpath[1]}/_sharepoint-audit\"\n"
        "  sharepoint-audit completion fish > ~/.config/fish/completions/sharepoint-audit.fish\n"
        "  sharepoint-audit completion man  | man -l -");
  }

  // --- what commands share ---

  CLI::App* Command(const std::string& name, const std::string& help, CLI::App* parent = nullptr) {
    CLI::App* command = (parent ? parent : &app_)->add_subcommand(name, help);
    command->fallthrough(false);
    return command;
  }

  void Verbosity(CLI::App* command) {
    command->add_flag("-v,--verbose", flags_.verbosity, "Log more; may be repeated");
    command->add_flag("-q,--quiet", flags_.quiet, "Neither progress nor anything but warnings");
  }

  void Common(CLI::App* command) {
    Path(command->add_option(
        "-c,--config", flags_.config_file,
        "Configuration file; default: $SHAREPOINT_AUDIT_CONFIG, config/config.json"));
    Verbosity(command);
  }

  void DatabaseKeys(CLI::App* command) {
    for (const std::string_view path : {"db.path", "logging.file", "logging.level"}) {
      AddKey(command, *FindConfigKey(path), "Options");
    }
  }

  void AllKeys(CLI::App* command) {
    for (const ConfigKey& key : ConfigKeys()) {
      if (key.flag.empty() || command->get_option_no_throw(std::string(key.flag)) != nullptr)
        continue;
      // Only the server and `config show` have a use for the server's own.
      const std::string name = CommandName(command);
      if (key.path.starts_with("serve.") && name != "serve" && !name.starts_with("config ")) {
        continue;
      }
      AddKey(command, key,
             "Configuration (each is also a key of the file and an environment variable)");
    }
  }

  void AddKey(CLI::App* command, const ConfigKey& key, const std::string& group) {
    const std::string path(key.path);
    // What `cache` is asked for again and again has a short spelling there.
    static const std::map<std::string_view, std::string> kShort = {
        {"cache.l2", ",--l2"},
        {"cache.namespace", ",--namespace"},
        {"cache.local_cache_size", ",--l1-entries"}};
    const bool in_cache = CommandName(command).starts_with("cache ") && kShort.contains(key.path);
    CLI::Option* option = command->add_option_function<std::string>(
        std::string(key.flag) + (in_cache ? kShort.at(key.path) : ""),
        [this, path](const std::string& text) { flags_.keys[path] = text; }, std::string(key.help));
    option->group(group);
    const bool is_path = path.ends_with("_path") || path.ends_with("_file") || path == "db.path" ||
                         path == "logging.file" || path == "findings.rules";
    if (is_path) Path(option);
    if (std::holds_alternative<bool& (*)(Config&)>(key.field)) {
      choices_[option] = {"true", "false"};
      option->type_name("true|false");
    } else if (std::holds_alternative<int& (*)(Config&)>(key.field)) {
      option->type_name("N");
    } else if (std::holds_alternative<std::vector<std::string>& (*)(Config&)>(key.field)) {
      option->type_name("TEXT,...")
          ->delimiter(',')
          ->multi_option_policy(CLI::MultiOptionPolicy::Join);
    } else if (!key.one_of.empty()) {
      choices_[option] = Words(key.one_of.begin(), key.one_of.end());
      option->type_name(fmt::format("{}", fmt::join(key.one_of, "|")));
    }
  }

  CLI::Option* Choice(CLI::Option* option, Words words) {
    option->type_name(fmt::format("{}", fmt::join(words, "|")));
    option->check(
        [words](const std::string& given) -> std::string {
          if (std::find(words.begin(), words.end(), given) != words.end()) return {};
          return fmt::format("\"{}\" is none of {}", given, fmt::join(words, ", "));
        },
        "");
    choices_[option] = std::move(words);
    return option;
  }

  CLI::Option* Path(CLI::Option* option) {
    paths_.push_back(option);
    return option->type_name("PATH");
  }

  // --- what came out ---

  // The innermost command that was named.
  CLI::App* Chosen() {
    CLI::App* command = &app_;
    while (!command->get_subcommands().empty()) command = command->get_subcommands().front();
    return command;
  }

  std::string CommandName(const CLI::App* command) const {
    std::string name;
    for (; command != &app_; command = command->get_parent()) {
      name = name.empty() ? command->get_name() : command->get_name() + ' ' + name;
    }
    return name;
  }

  template <class Kind>
  static bool Is(const CLI::ParseError& error) {
    return dynamic_cast<const Kind*>(&error) != nullptr;
  }

  Error Explain(const CLI::ParseError& error) {
    CLI::App* command = Chosen();
    std::string name = CommandName(command);
    const std::string help =
        fmt::format("see `sharepoint-audit {}{}--help`", name, name.empty() ? "" : " ");
    // A word that nobody knows explains most of what is missing, too.
    const Words extras = app_.remaining(true);
    if (!extras.empty() && (Is<CLI::ExtrasError>(error) || Is<CLI::RequiredError>(error))) {
      return Unexpected(command, extras.front(), help);
    }
    if (Is<CLI::RequiredError>(error) && !command->get_subcommands({}).empty()) {
      Words names;
      for (const CLI::App* each : command->get_subcommands({})) {
        if (!each->get_group().empty()) names.push_back(each->get_name());
      }
      return Error(ErrorCode::kUsage,
                   fmt::format("{} needs a command", name.empty() ? "sharepoint-audit" : name),
                   fmt::format("give one of {}", fmt::join(names, ", ")));
    }
    return Error(ErrorCode::kUsage, error.what(), help);
  }

  Error Unexpected(CLI::App* command, const std::string& word, const std::string& help) {
    const bool is_option = word.starts_with('-');
    const std::string given = word.substr(0, word.find('='));
    Words known;
    if (is_option) {
      for (const CLI::Option* option : command->get_options()) {
        for (const std::string& name : option->get_lnames()) known.push_back("--" + name);
      }
    } else {
      for (const CLI::App* each : command->get_subcommands({})) known.push_back(each->get_name());
    }
    const std::string where = CommandName(command);
    std::string message =
        is_option ? fmt::format("{} is no option of {}", given,
                                where.empty() ? "sharepoint-audit" : where)
        : command->get_subcommands({}).empty()
            ? fmt::format("{} does not take the word \"{}\"", where, given)
            : fmt::format("\"{}\" is no command{}", given, where.empty() ? "" : " of " + where);
    const auto nearest =
        std::min_element(known.begin(), known.end(), [&](const auto& a, const auto& b) {
          return EditDistance(given, a) < EditDistance(given, b);
        });
    if (nearest == known.end() || EditDistance(given, *nearest) > 3) {
      return Error(ErrorCode::kUsage, std::move(message), help);
    }
    return Error(ErrorCode::kUsage, std::move(message), fmt::format("did you mean {}?", *nearest));
  }

  void Describe(const CLI::App& command, std::vector<CommandInfo>& into) const {
    CommandInfo info;
    info.name = CommandName(&command);
    info.help = command.get_description();
    for (const CLI::App* each : command.get_subcommands({})) {
      if (!each->get_group().empty()) info.operands.push_back(each->get_name());
    }
    for (const CLI::Option* option : command.get_options()) {
      const auto choices = choices_.find(option);
      if (option->get_positional() && choices != choices_.end()) info.operands = choices->second;
      OptionInfo described;
      for (const std::string& name : option->get_lnames()) described.names.push_back("--" + name);
      for (const std::string& name : option->get_snames()) described.names.push_back("-" + name);
      if (described.names.empty() || option->get_group().empty()) continue;
      described.help = option->get_description();
      described.takes_value = option->get_items_expected_max() > 0;
      described.takes_path = std::find(paths_.begin(), paths_.end(), option) != paths_.end();
      if (choices != choices_.end()) described.choices = choices->second;
      info.options.push_back(std::move(described));
    }
    constexpr std::string_view kExamples = "Examples:\n";
    const bool own = &command == &app_ || command.get_footer() != app_.get_footer();
    if (std::string footer = command.get_footer(); own && footer.starts_with(kExamples)) {
      footer.resize(std::min(footer.find("\n\n"), footer.size()));
      info.examples = footer.substr(kExamples.size());
    }
    into.push_back(std::move(info));
    for (const CLI::App* each : command.get_subcommands({})) {
      if (!each->get_group().empty()) Describe(*each, into);
    }
  }

  CLI::App app_;
  Flags flags_;
  bool version_ = false;
  std::map<const CLI::Option*, Words> choices_;
  std::vector<const CLI::Option*> paths_;
};

}  // namespace

Result<ParsedLine> ParseCommandLine(const std::vector<std::string>& arguments) {
  return Grammar().Parse(arguments);
}

std::vector<CommandInfo> DescribeCommands() { return Grammar().Describe(); }

}  // namespace spa

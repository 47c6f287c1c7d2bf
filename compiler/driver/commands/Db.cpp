// tgc db: looks at, moves and tidies tuning records.
#include "compiler/driver/Records.h"
#include "compiler/driver/Search.h"
#include "compiler/support/Error.h"
#include "compiler/tune/Session.h"
#include "runtime/format/File.h"
#include "runtime/include/tgc/tgc.h"
#include "search/database/Choose.h"
#include <fstream>
#include <nlohmann/json.hpp>
#include <tuple>

namespace tgc::driver {
namespace {

using nlohmann::json;

constexpr int exportFormat = 1;

struct Arguments {
  std::string database, file, key, device;
  size_t keep = 20;
  double days = 30, tolerance = 0.25;
};

/// A database that must exist.
std::unique_ptr<Database> existing(const Arguments &arguments, bool readOnly = false) {
  std::string path = databasePath(arguments.database);
  if (!std::filesystem::exists(path))
    badInput("{}: there is no such database", path);
  return std::make_unique<Database>(path, readOnly);
}

std::string lineOf(const TuningRecord &record) {
  std::string time = record.outcome == Outcome::Ok
                         ? fmt::format("{:.4f} ms ±{:.0f}%", record.seconds * 1e3, record.spread * 50)
                         : nameOf(record.outcome);
  return fmt::format("{:>20}{} {:<5} {:<12} '{}'{}", time, record.confirmed ? "!" : " ", record.strategy,
                     record.version, record.schedule,
                     record.message.empty() ? "" : "  (" + record.message + ")");
}

void list(const Arguments &arguments) {
  std::unique_ptr<Database> database = existing(arguments, /*readOnly=*/true);
  size_t records = 0, workloads = 0;
  for (const WorkloadRecord &workload : database->workloads()) {
    std::map<std::pair<std::string, std::string>, std::vector<TuningRecord>> groups;
    for (TuningRecord &record : database->records(workload.key, arguments.device, machineName())) {
      ++records;
      groups[{record.device, record.machine}].push_back(std::move(record));
    }
    ++workloads;
    for (const auto &[where, found] : groups) {
      std::vector<TuningRecord> usable = byPreference(found, where.second);
      std::string best = usable.empty() ? "nothing usable"
                                        : fmt::format("{:.4f} ms '{}'", usable.front().seconds * 1e3,
                                                      usable.front().schedule);
      fmt::print("{} {:<28} {} [{}] {} records, {}\n", workload.key, workload.shape, where.first,
                 where.second, found.size(), best);
    }
  }
  fmt::print("{} records of {} workloads in {}\n", records, workloads, databasePath(arguments.database));
}

void show(const Arguments &arguments) {
  std::unique_ptr<Database> database = existing(arguments, /*readOnly=*/true);
  bool found = false;
  for (const WorkloadRecord &workload : database->workloads()) {
    if (workload.key.rfind(arguments.key, 0) != 0)
      continue;
    found = true;
    fmt::print("{} {}\nnodes: {}\n{}\n", workload.key, workload.shape, workload.nodes, workload.text);
    for (const TuningRecord &record : database->records(workload.key, arguments.device, machineName()))
      fmt::print("{}  [{}; {}]\n", lineOf(record), record.device, record.machine);
  }
  if (!found)
    usageError("there is no workload {}", arguments.key);
}

void exportTo(const Arguments &arguments) {
  std::unique_ptr<Database> database = existing(arguments, /*readOnly=*/true);
  json workloads = json::array(), records = json::array();
  for (const WorkloadRecord &workload : database->workloads())
    workloads.push_back({{"key", workload.key},
                         {"text", workload.text},
                         {"shape", workload.shape},
                         {"nodes", workload.nodes}});
  for (const TuningRecord &record : database->records("", arguments.device, machineName())) {
    json samples = json::array();
    for (const Evidence &evidence : database->evidence(record))
      samples.push_back(
          {{"seconds", evidence.seconds}, {"conditions", evidence.conditions}, {"time", evidence.time}});
    records.push_back({{"workload", record.workload},
                       {"device", record.device},
                       {"machine", record.machine},
                       {"schedule", record.schedule},
                       {"outcome", nameOf(record.outcome)},
                       {"seconds", record.seconds},
                       {"spread", record.spread},
                       {"samples", record.samples},
                       {"confirmed", record.confirmed},
                       {"strategy", record.strategy},
                       {"version", record.version},
                       {"message", record.message},
                       {"time", record.time},
                       {"evidence", samples}});
  }
  std::string text =
      json{{"tgc_tuning_records", exportFormat}, {"workloads", workloads}, {"records", records}}.dump(
          1, ' ', false, json::error_handler_t::replace) +
      "\n";
  runtime::writeFileAtomically(arguments.file,
                               runtime::Bytes(std::vector<uint8_t>(text.begin(), text.end())));
  fmt::print("{} records of {} workloads\n", records.size(), workloads.size());
}

void importFrom(const Arguments &arguments) {
  std::unique_ptr<Database> database = openDatabase(arguments.database);
  std::ifstream file(arguments.file);
  if (!file)
    badInput("{}: cannot be read", arguments.file);
  try {
    json all = json::parse(file);
    if (all.at("tgc_tuning_records").get<int>() > exportFormat)
      badInput("{}: written by a newer tgc", arguments.file);
    for (const json &workload : all.at("workloads"))
      database->addWorkload(
          {workload.at("key"), workload.at("text"), workload.at("shape"), workload.at("nodes")});
    size_t added = 0;
    for (const json &j : all.at("records")) {
      TuningRecord record{j.at("workload"),
                          j.at("device"),
                          j.at("machine"),
                          j.at("schedule"),
                          outcomeNamed(j.at("outcome")).value_or(Outcome::Failed),
                          j.at("seconds"),
                          j.at("spread"),
                          j.at("samples"),
                          j.at("confirmed"),
                          j.at("strategy"),
                          j.at("version"),
                          j.at("message"),
                          j.at("time")};
      auto known = database->find(record.workload, record.device, record.machine, record.schedule);
      if (known && std::tuple(known->confirmed, known->time) >= std::tuple(record.confirmed, record.time))
        continue; // as in Database::merge
      Evidence evidence;
      if (!j.at("evidence").empty()) {
        evidence.seconds = j.at("evidence").back().at("seconds").get<std::vector<double>>();
        evidence.time = j.at("evidence").back().at("time");
      }
      evidence.compiler = record.version;
      database->store(record, evidence);
      ++added;
    }
    fmt::print("{} records taken\n", added);
  } catch (const json::exception &error) {
    badInput("{}: is no export of tuning records: {}", arguments.file, error.what());
  }
}

void verify(const ModelArguments &model, const Arguments &arguments) {
  std::unique_ptr<Database> database = existing(arguments);
  CompileOptions options = model.options();
  options.until = "kernel";
  Compilation compilation(options);
  compilation.run();
  TuneSession session(compilation, options.device, thisProgram(), options.jobs);
  std::unique_ptr<Measurer> measurer = makeProcessMeasurer({thisProgram(), "measure-worker"});
  TuneOptions tuning;
  tuning.compiler = std::string("tgc ") + tgc_version();
  tuning.device = compilation.target().packageDevice();
  tuning.modelBytes = session.modelBytes();
  size_t off = 0, bad = 0, total = 0;
  for (const VerifyRow &row :
       verifyRecords(session, compilation.target().device(), *measurer, *database, tuning)) {
    ++total;
    double ratio = row.before.seconds > 0 ? row.after.seconds / row.before.seconds : 0;
    std::string verdict = "holds";
    if (row.after.outcome != Outcome::Ok) {
      ++bad;
      verdict = fmt::format("{}: {}", nameOf(row.after.outcome), row.after.message);
    } else if (std::abs(ratio - 1) > arguments.tolerance) {
      ++off;
      verdict = fmt::format("was {:.4f} ms", row.before.seconds * 1e3);
    }
    fmt::print("{:10.4f} ms  {}  {}  '{}'\n", row.after.seconds * 1e3, session.workloads()[row.workload].name,
               verdict, row.before.schedule);
  }
  fmt::print("{} of {} hold, {} take another time now, {} are of no use any more\n", total - off - bad, total,
             off, bad);
}

} // namespace

void addDb(CLI::App &app) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App *db = app.add_subcommand("db", "Look at, move and tidy tuning records");
  db->require_subcommand(1);
  auto add = [&](const char *name, const char *what, void (*run)(const Arguments &)) {
    CLI::App *command = db->add_subcommand(name, what);
    command->add_option("--db", arguments->database,
                        "tuning database (default: $TGC_DATABASE, else the user's own)");
    command->callback([arguments, run] { run(*arguments); });
    return command;
  };
  CLI::App *command = add("list", "The best schedule of every kernel, device and machine", list);
  command->add_option("--device", arguments->device, "records of this device alone, as list names it");
  command = add("show", "A kernel's text and all its records", show);
  command->add_option("workload", arguments->key, "its key or the beginning of it")->required();
  command = add("export", "Write all records to a JSON file", exportTo);
  command->add_option("file", arguments->file)->required();
  command = add("import", "Take records from a JSON file that export wrote", importFrom);
  command->add_option("file", arguments->file)->required();
  command = add("merge", "Take records from another database", [](const Arguments &arguments) {
    fmt::print("{} records taken\n", openDatabase(arguments.database)->merge(arguments.file));
  });
  command->add_option("file", arguments->file)->required();
  command = add("prune", "Delete records that no best choice comes from", [](const Arguments &arguments) {
    fmt::print("{} records deleted\n",
               existing(arguments)->prune(arguments.keep, int64_t(arguments.days * 86400)));
  });
  command->add_option("--keep", arguments->keep, "usable records kept of each kernel, device and machine")
      ->capture_default_str();
  command->add_option("--days", arguments->days, "failures older than that go")->capture_default_str();

  auto model = std::make_shared<ModelArguments>();
  command =
      db->add_subcommand("verify", "Measure a model's best schedules again and say which no longer hold");
  model->addTo(*command);
  command->add_option("--tolerance", arguments->tolerance, "part of the time that may differ")
      ->capture_default_str();
  command->callback([arguments, model] {
    arguments->database = model->database;
    verify(*model, *arguments);
  });
}

} // namespace tgc::driver

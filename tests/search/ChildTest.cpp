// Processes of a search that misbehave, and what is said to them.
#include <catch2/catch.hpp>

#include "compiler/support/Error.h"
#include "search/measure/Child.h"
#include "search/measure/Measure.h"
#include <chrono>
#include <cmath>
#include <memory>
#include <thread>

using namespace tgc;

TEST_CASE("helper processes that die, hang or grow are ended and replaced") {
  auto child = [](const char *script, uint64_t memory = 0) {
    return std::make_unique<Child>(std::vector<std::string>{"/bin/sh", "-c", script}, memory);
  };
  auto echo = child("while read line; do if [ \"$line\" = die ]; then kill -SEGV $$; fi; "
                    "if [ \"$line\" = leave ]; then exit 3; fi; echo \"got $line\"; done");
  CHECK(echo->ask("a", 5).line == "got a");
  Child::Answer died = echo->ask("die", 5);
  REQUIRE(died.end == Child::End::Died);
  CHECK(died.message.find("signal 11") != std::string::npos);
  CHECK(echo->ask("b", 5).line == "got b");
  CHECK(echo->ask("leave", 5).message == "ended with code 3");
  CHECK(echo->ask("c", 5).line == "got c");
  auto start = std::chrono::steady_clock::now();
  CHECK(child("exec sleep 100")->ask("x", 0.3).end == Child::End::TimedOut);
  auto hungry =
      child("read line; exec python3 -c 'x = bytearray(1 << 30); import time; time.sleep(50)'", 200 << 20);
  CHECK(hungry->ask("x", 30).end == Child::End::TooMuchMemory);
  CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(20));
  CHECK(child("exec /no/such/program")->ask("x", 5).end == Child::End::Died);
}

TEST_CASE("a helper process's memory is judged call by call") {
  constexpr uint64_t bound = uint64_t(100) << 20;
  // Each line keeps 60 MB more.
  Child keeper({"/bin/sh", "-c",
                "exec python3 -c 'import os, sys\nkept = []\nfor line in iter(sys.stdin.readline, \"\"): "
                "kept.append(bytes([7]) * 60_000_000); print(os.getpid(), flush=True)'"},
               bound);
  std::string first = keeper.ask("a", 20).line, second = keeper.ask("b", 20).line;
  REQUIRE(!first.empty());
  CHECK(first == second); // 120 MB by then, of which 60 are this call's
  std::string third = keeper.ask("c", 20).line;
  CHECK((!third.empty() && third != second));

  CHECK_THROWS_AS(Child({"/no/such/program"}, 0).ask("x", 5), Error);
}

TEST_CASE("an answer that came while this process was stopped is one") {
  Child late({"/bin/sh", "-c", "read line; echo one; sleep 0.2; echo two; sleep 10"}, 0);
  CHECK(late.ask("x", 5).line == "one");
  std::this_thread::sleep_for(std::chrono::milliseconds(800));
  CHECK(late.next(0).line == "two");
  CHECK(late.next(0).end == Child::End::TimedOut);
}

TEST_CASE("requests and replies travel as lines") {
  MeasureRequest request;
  request.package = "/tmp/a \"b\"\n.tgc";
  request.samples = {{"y", 5}};
  request.coldBytes = 7;
  request.fault = "hang";
  std::string line = printRequest(request);
  CHECK(line.find('\n') == std::string::npos);
  MeasureRequest back = parseRequest(line);
  CHECK((back.package == request.package && back.coldBytes == 7 && back.samples[0].element == 5 &&
         back.fault == "hang"));
  MeasureReply reply;
  reply.outcome = Outcome::Ok;
  reply.seconds = {3, 1, 2};
  reply.values = {NAN, -INFINITY, 0.1};
  MeasureReply got = parseReply(printReply(reply));
  CHECK((got.outcome == Outcome::Ok && got.median == 2 && got.spread == 0.5));
  CHECK((std::isnan(got.values[0]) && got.values[1] == -INFINITY && got.values[2] == 0.1));
  CHECK(parseReply("nonsense").outcome == Outcome::Crashed);
  CHECK_THROWS_AS(parseRequest("{}"), Error);
}

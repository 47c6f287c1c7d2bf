# Textual tests: a file's RUN lines call this build's tools, and FileCheck reads what they print.
# %tgc and every tool of build/bin are found first; %models is the folder of exports, %python the tests' Python.
import os
import shutil

import lit.formats

config.name = "tgc"
config.test_format = lit.formats.ShTest(execute_external=True)
config.suffixes = [".mlir", ".test", ".txtpb", ".kernel", ".tile", ".thread"]
config.excludes = ["onnx_backend", "CMakeLists.txt"]
config.test_source_root = os.path.join(config.tgc_source_dir, "tests")
config.test_exec_root = os.path.join(config.tgc_binary_dir, "tests")

tools = config.llvm_tools_dir or "/usr/lib/llvm-19/bin"
bin_dir = os.path.join(config.tgc_binary_dir, "bin")
# Not what this user has tuned.
config.environment["TGC_DATABASE"] = os.path.join(config.test_exec_root, "none.db")
config.environment["PATH"] = os.pathsep.join([bin_dir, tools, os.environ["PATH"]])

config.substitutions += [
    ("%tgc", os.path.join(bin_dir, "tgc")),
    ("%models", os.path.join(config.tgc_source_dir, "models")),
    ("%python", config.tgc_python),
]

# `REQUIRES: avx512f` and the like: what this machine's processor can do.
if os.path.exists("/proc/cpuinfo"):
    with open("/proc/cpuinfo", encoding="utf-8") as lines:
        for line in lines:
            if line.startswith("flags"):
                config.available_features.update(line.split(":", 1)[1].split())
                break

# Intel's OpenCL runtime for processors, where scripts/setup.sh has put it.
opencl = os.path.join(config.tgc_source_dir, ".venv", "lib", "libintelocl.so")
if os.path.exists(opencl):
    config.available_features.add("opencl-cpu")
    config.environment["TGC_OPENCL_LIBRARY"] = opencl
libraries = os.path.join(config.tgc_binary_dir, "lib")
config.substitutions += [("%lib", libraries), ("%opencl", opencl)]
# Level Zero's loader over the tests' driver, which runs on that.
driver = os.path.join(libraries, "liblevel_zero_test_driver.so")
if os.path.exists(opencl) and os.path.exists(driver):
    config.available_features.add("level-zero")
    config.environment["ZE_ENABLE_ALT_DRIVERS"] = driver
    config.environment["ZE_ENABLE_VALIDATION_LAYER"] = config.environment["ZE_ENABLE_PARAMETER_VALIDATION"] = "1"

# Intel's offline compiler for GPUs, Debian's own and where scripts/intel-compiler.sh has put a new one.
if shutil.which("ocloc"):
    config.available_features.add("packaged-intel-compiler")
compiler = os.path.join(config.tgc_source_dir, ".intel-compiler", "ocloc")
if os.path.exists(compiler):
    config.available_features.add("intel-compiler")
    config.environment["TGC_OCLOC"] = compiler

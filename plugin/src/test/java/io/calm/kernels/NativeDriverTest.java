package io.calm.kernels;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.calm.testing.Program;
import io.calm.testing.Seeds;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** build.sh and its driver: the kernels without Java, where sanitizers and emulators can watch. */
class NativeDriverTest {
  private static final String BUILD =
      Path.of("src", "main", "native", "build.sh").toAbsolutePath().toString();
  private static final String SANITIZERS = "-fsanitize=address,undefined -fno-sanitize-recover=all";
  private static final String THREAD_SANITIZER = "-fsanitize=thread";
  private static final String CROSS_COMPILER = "aarch64-linux-gnu-gcc";
  private static final String EMULATOR = "qemu-aarch64";

  @TempDir Path directory;

  private static Program run(Map<String, String> environment, String... command)
      throws IOException, InterruptedException {
    return Program.run(environment, List.of(command));
  }

  /** Skips the rest of a test, with the reason where the log shows it. */
  private static void require(boolean there, String reason) {
    if (!there) {
      System.out.println("calm-driver: not run: " + reason);
    }
    assumeTrue(there, reason);
  }

  private static boolean installed(String command) throws IOException, InterruptedException {
    return run(Map.of(), "sh", "-c", "command -v \"${0%% *}\"", command).status() == 0;
  }

  private static String compiler() {
    return System.getenv().getOrDefault("CC", "cc");
  }

  @BeforeEach
  void onlyOnLinux() {
    require(
        System.getProperty("os.name").equals("Linux"),
        "the native kernels are built on Linux, not on " + System.getProperty("os.name"));
  }

  private Program build(String compiler, String flags) throws IOException, InterruptedException {
    return run(Map.of("CC", compiler), "sh", BUILD, directory.toString(), "", "driver", flags);
  }

  /** Writes a compiler: a script of these lines. */
  private String compilerOf(String... lines) throws IOException {
    Path script = directory.resolve("cc");
    Files.writeString(script, "#!/bin/sh\n" + String.join("\n", lines) + "\n");
    assertTrue(script.toFile().setExecutable(true));
    return script.toString();
  }

  /** Builds the driver and runs it with a seed of its own, in whole or as {@code before} starts. */
  private String drive(String compiler, String flags, List<String> before, String... rounds)
      throws IOException, InterruptedException {
    Program build = build(compiler, flags);
    assertEquals(0, build.status(), build.output());
    return drive(before, rounds);
  }

  /** Runs the driver that was built. */
  private String drive(List<String> before, String... rounds)
      throws IOException, InterruptedException {
    List<String> command = new ArrayList<>(before);
    command.add(directory.resolve("calm-driver").toString());
    command.add(Long.toString(Seeds.next()));
    command.addAll(List.of(rounds));
    // Leaks are looked for with ptrace, which containers often refuse.
    Program driver = run(Map.of("ASAN_OPTIONS", "detect_leaks=0"), command.toArray(String[]::new));
    assertEquals(0, driver.status(), driver.output());
    return driver.output();
  }

  private void everyVariantIsTheSame(String compiler, String flags, String... before)
      throws IOException, InterruptedException {
    String output = drive(compiler, flags, List.of(before));
    assertTrue(output.contains("scalar: the same"), output);
    output.lines().filter(line -> line.contains("not run")).forEach(System.out::println);
  }

  /** Skips the rest of a test where a program with these sanitizers cannot be built and run. */
  private void requireSanitizers(String flags) throws IOException, InterruptedException {
    require(installed(compiler()), "no C compiler (%s)".formatted(compiler()));
    Path program = Files.writeString(directory.resolve("empty.c"), "int main(void) { return 0; }");
    Path binary = directory.resolve("empty");
    String compile =
        "%s %s -o '%s' '%s' && '%s'".formatted(compiler(), flags, binary, program, binary);
    Program empty = run(Map.of("ASAN_OPTIONS", "detect_leaks=0"), "sh", "-c", compile);
    require(
        empty.status() == 0,
        "no sanitizers (%s, %s: %s)".formatted(compiler(), flags, empty.output().strip()));
  }

  @Test
  void everyVariantIsTheSameUnderSanitizers() throws Exception {
    requireSanitizers(SANITIZERS);
    everyVariantIsTheSame(compiler(), "-O1 " + SANITIZERS);
  }

  @Test
  void thePoolRunsEveryItemOnceUnderTheThreadSanitizer() throws Exception {
    requireSanitizers(THREAD_SANITIZER);
    String output = drive(compiler(), "-O1 " + THREAD_SANITIZER, List.of(), "0");
    assertTrue(output.contains("pool: every item once"), output);
  }

  /** Without optimization, an immediate that is no constant expression does not compile. */
  @ParameterizedTest
  @ValueSource(strings = {"the system's", "clang"})
  void everyVariantIsTheSameWithoutOptimization(String name) throws Exception {
    String compiler = name.equals("clang") ? name : compiler();
    require(installed(compiler), "no C compiler (%s)".formatted(compiler));
    String output = drive(compiler, "-O0", List.of(), "1");
    assertTrue(output.contains("scalar: the same"), output);
  }

  @Test
  void everyVariantIsTheSameOnAnEmulatedArm() throws Exception {
    for (String program : List.of(CROSS_COMPILER, EMULATOR)) {
      require(installed(program), "NEON: no " + program);
    }
    everyVariantIsTheSame(CROSS_COMPILER, "-static", EMULATOR);
  }

  @Test
  void withoutACompilerTheBuildSaysSoAndSucceeds() throws Exception {
    Program build =
        run(
            Map.of("CC", "/nonexistent/cc -m64"),
            "sh",
            BUILD,
            directory.toString(),
            System.getProperty("java.home"));
    assertEquals(0, build.status(), build.output());
    assertEquals(
        "calm: no C compiler (/nonexistent/cc): the native kernels are left out, the kernels in"
            + " Java serve\n",
        build.output());
    try (Stream<Path> files = Files.list(directory)) {
      assertEquals(List.of(), files.toList());
    }
  }

  @ParameterizedTest
  @CsvSource({
    "amd64, -mavx2, avx2",
    "amd64, -mavx512vnni, avx512-vnni",
    "aarch64, -march=armv8.2-a+dotprod, neon-dotprod",
  })
  void aKernelThatTheCompilerDoesNotKnowIsLeftOut(String machine, String flag, String kernel)
      throws Exception {
    require(installed(compiler()), "no C compiler (%s)".formatted(compiler()));
    require(System.getProperty("os.arch").equals(machine), kernel + ": not of this machine");
    String old =
        compilerOf(
            "case \" $* \" in *' %s '*) echo \"error: $1\" >&2; exit 1 ;; esac".formatted(flag),
            "exec %s \"$@\"".formatted(compiler()));
    Program build = build(old, "-O0");
    assertEquals(0, build.status(), build.output());
    String line = "calm: %s does not know .*: the kernel %s is left out".formatted(old, kernel);
    assertTrue(build.output().lines().anyMatch(text -> text.matches(line)), build.output());
    String output = drive(List.of(), "1");
    assertTrue(output.contains("scalar: the same"), output);
    assertTrue(output.lines().noneMatch(text -> text.startsWith(kernel + ":")), output);
    assertEquals(flag.equals("-mavx512vnni"), output.contains("avx2: "), output);
  }

  @Test
  void aBigEndianMachineIsServedByJava() throws Exception {
    require(installed(compiler()), "no C compiler (%s)".formatted(compiler()));
    Program build =
        build(
            compilerOf(
                "[ \"$1\" != -dumpmachine ] || { echo s390x-linux-gnu; exit; }",
                "exec %s \"$@\" -Wno-builtin-macro-redefined -U__BYTE_ORDER__ \\"
                    .formatted(compiler()),
                "  -D__BYTE_ORDER__=__ORDER_BIG_ENDIAN__"),
            "");
    assertEquals(0, build.status(), build.output());
    assertEquals(
        "calm: s390x is a big-endian machine: the native kernels are left out, the kernels in"
            + " Java serve\n",
        build.output());
  }

  @Test
  void aCompilerWithoutTheHeadersOfLinuxIsLeftOut() throws Exception {
    String compiler =
        compilerOf(
            "[ \"$1\" != -dumpmachine ] || { echo x86_64-alpine-linux-musl; exit; }",
            "[ -n \"$(cat)\" ] || exit 0",
            "echo 'fatal error: linux/futex.h: No such file or directory' >&2; exit 1");
    Program build = build(compiler, "");
    assertEquals(0, build.status(), build.output());
    assertEquals(
        "calm: %s does not compile for Linux (fatal error: linux/futex.h: No such file or"
                .formatted(compiler)
            + " directory): the native kernels are left out, the kernels in Java serve\n",
        build.output());
  }

  @Test
  void aFlagThatTheCompilerDoesNotKnowFailsTheBuild() throws Exception {
    String compiler =
        compilerOf(
            "[ \"$1\" != -dumpmachine ] || { echo x86_64-linux-gnu; exit; }",
            "echo 'error: unknown option' >&2; exit 1");
    Program build = build(compiler, "");
    assertEquals(1, build.status(), build.output());
    assertEquals(
        "error: unknown option\ncalm: %s does not compile an empty file\n".formatted(compiler),
        build.output());
  }

  @Test
  void aFileThatDoesNotCompileFailsTheBuildWithItsOwnMessage() throws Exception {
    Program build =
        build(
            compilerOf(
                "[ \"$1\" != -dumpmachine ] || { echo riscv64-linux-gnu; exit; }",
                "case \"$*\" in */pool.c*) echo 'pool.c:1: error: broken' >&2; exit 1 ;; esac",
                "for last; do :; done",
                "sleep 0.2; : > \"$last\""),
            "");
    assertEquals(1, build.status(), build.output());
    assertEquals("pool.c:1: error: broken\ncalm: not compiled: pool\n", build.output());
  }
}

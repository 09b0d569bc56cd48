package io.calm.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.calm.testing.Program;
import io.calm.testing.Repository;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Instant;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/**
 * The script {@code calm}, in a project of its own whose java and mvn write down their arguments.
 */
@DisabledOnOs(value = OS.WINDOWS, disabledReason = "the script is for a POSIX shell")
class StartScriptTest {
  private static final String MVN =
      """
      #!/bin/sh
      echo "mvn $*" >&2
      mkdir -p plugin/target/lib bench/target/lib
      : > plugin/target/calm-djl-plugin-1.jar
      echo lib/a-1.jar:lib/b-1.jar > plugin/target/classpath
      case $* in *"-pl bench -am"*)
        : > bench/target/calm-bench-1.jar
        echo lib/c-1.jar > bench/target/classpath
      esac
      """;

  /** Before a call of flock: says that a command waits for the lock. */
  private static final String SAY_WAITING = "[ \"$1\" = -n ] || : > waiting\n";

  /** In a build: waits for that, for 30 s. */
  private static final String UNTIL_WAITING =
      "for i in 1 2 3 4 5 6 7 8 9 10; do [ -e ../waiting ] || sleep 3; done\n";

  @TempDir Path directory;
  private Path home = Path.of("");
  private Path tools = Path.of("");

  @BeforeEach
  void makeProject() throws IOException {
    home = Files.createDirectories(directory.resolve("pro ject")).toRealPath();
    tools = Files.createDirectories(directory.resolve("tools/bin"));
    Files.copy(Repository.path("calm"), home.resolve("calm"));
    source("pom.xml");
    source("plugin/pom.xml");
    source("plugin/src/main/java/A.java");
    source("bench/pom.xml");
    source("bench/src/main/java/A.java");
    source("djl-serving-spi/src/A.java");
    for (String tool :
        List.of(
            "sed",
            "head",
            "find",
            "dirname",
            "readlink",
            "mkdir",
            "rm",
            "cat",
            "cmp",
            "cp",
            "mv",
            "sleep")) {
      systemTool(tool);
    }
    java("17.0.15");
  }

  @Test
  void aJarThatIsMissingIsBuiltAndRun() throws Exception {
    tool("mvn", MVN);
    Program outcome = run("tokenize", "a b");
    assertEquals(0, outcome.status(), outcome.output());
    assertTrue(outcome.output().contains("mvn -q -B -pl plugin -am"), outcome.output());
    assertTrue(
        outcome.output().endsWith("<io.calm.cli.Main>\n<tokenize>\n<a b>\n"), outcome.output());
  }

  @Test
  void aJarThatIsNewerThanTheSourcesIsRunAtOnce() throws Exception {
    jar(Instant.now());
    Program outcome = run("--version");
    assertEquals(0, outcome.status(), outcome.output());
    assertTrue(
        outcome.output().contains("<" + home + "/plugin/target/run/calm-djl-plugin-1.jar:" + home),
        outcome.output());
    assertTrue(outcome.output().contains("<-Dcalm.home=" + home + ">"), outcome.output());
  }

  @Test
  void aRunningCommandKeepsItsJarWhileAnotherBuilds() throws Exception {
    tool("mvn", MVN.replace(": > plugin/target/calm", "echo new > plugin/target/calm"));
    jar(Instant.now());
    Files.writeString(home.resolve("plugin/target/calm-djl-plugin-1.jar"), "old");
    run("serve");
    Path copy = home.resolve("plugin/target/run/calm-djl-plugin-1.jar");
    try (InputStream running = Files.newInputStream(copy)) {
      run("bench"); // builds the plugin again
      run("serve");
      assertEquals("old", new String(running.readAllBytes(), StandardCharsets.UTF_8));
    }
    assertEquals("new\n", Files.readString(copy));
  }

  @Test
  void aJarInADirectoryThatCannotBeWrittenIsRunItself() throws Exception {
    jar(Instant.now());
    Files.createFile(home.resolve("plugin/target/run"));
    String output = run("--version").output();
    assertTrue(output.contains("<" + home + "/plugin/target/calm-djl-plugin-1.jar:"), output);
  }

  @Test
  void aJarThatIsOlderThanASourceIsBuiltAgain() throws Exception {
    tool("mvn", MVN);
    jar(Instant.now().minusSeconds(3600));
    assertTrue(run("--version").output().contains("building the jar"));
    assertFalse(run("--version").output().contains("building the jar"));
  }

  @Test
  void aJarOfAnotherVersionIsNotRun() throws Exception {
    tool("mvn", MVN);
    jar(Instant.now().minusSeconds(3600));
    Path target = home.resolve("plugin/target");
    Files.move(
        target.resolve("calm-djl-plugin-1.jar"), target.resolve("calm-djl-plugin-0-SNAPSHOT.jar"));
    assertTrue(run("serve").output().contains("<" + target + "/run/calm-djl-plugin-1.jar:"));
    assertFalse(run("serve").output().contains("building the jar"));
    try (Stream<Path> files = Files.list(target)) {
      assertEquals(
          List.of(target.resolve("calm-djl-plugin-1.jar")),
          files.filter(file -> file.toString().endsWith(".jar")).toList());
    }
  }

  /** A server that still runs gives the libraries of its build to its child processes. */
  @Test
  void aLibraryOfAnotherBuildIsKeptAndNotUsed() throws Exception {
    tool("mvn", MVN);
    Path library = home.resolve("plugin/target/lib");
    Path old = Files.createFile(Files.createDirectories(library).resolve("a-0.jar"));
    Path netty = Files.createFile(library.resolve("netty-common-4.jar"));
    String output = run("serve").output();
    assertTrue(
        output.contains(
            "<%1$s/plugin/target/run/calm-djl-plugin-1.jar:%2$s/a-1.jar:%2$s/b-1.jar:%3$s>"
                .formatted(home, library, netty)),
        output);
    assertTrue(Files.exists(old));
  }

  @Test
  void aBuildWithoutAListOfItsLibrariesIsMadeAgain() throws Exception {
    tool("mvn", MVN);
    jar(Instant.now());
    Files.delete(home.resolve("plugin/target/classpath"));
    assertTrue(run("--version").output().contains("building the jar"));
    assertFalse(run("--version").output().contains("building the jar"));
  }

  @Test
  @Timeout(value = 120, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
  void aCommandWaitsForTheBuildOfAnother() throws Exception {
    lock();
    // The jar is there, as Maven packs it, before the build is complete.
    tool("mvn", MVN + ": > building\n" + UNTIL_WAITING);
    CompletableFuture<Program> first = CompletableFuture.supplyAsync(() -> runNow("serve"));
    while (!Files.exists(home.resolve("building"))) {
      Thread.sleep(20);
    }
    tool("flock", Files.readString(tools.resolve("flock")).replace("exec", SAY_WAITING + "exec"));
    Program second = run("inspect");
    assertFalse(second.output().contains("mvn -q -B"), second.output());
    assertTrue(second.output().contains("another command is building"), second.output());
    assertTrue(second.output().endsWith("<inspect>\n"), second.output());
    String output = first.get(60, TimeUnit.SECONDS).output();
    assertTrue(output.contains("mvn -q -B"), output);
  }

  @Test
  void aLockThatCannotBeWrittenIsDoneWithout() throws Exception {
    lock();
    tool("mvn", MVN);
    Files.createDirectories(home.resolve("target/calm-build.lock"));
    assertTrue(run("--version").output().contains("mvn -q -B"));
  }

  @Test
  void theBenchmarksAreBuiltAndRunFromTheirOwnModule() throws Exception {
    tool("mvn", MVN);
    jar(Instant.now());
    Program outcome = run("-v", "bench", "model");
    assertEquals(0, outcome.status(), outcome.output());
    String output = outcome.output();
    assertTrue(output.contains("mvn -q -B -pl bench -am"), output);
    assertTrue(output.contains("<" + home + "/bench/target/run/calm-bench-1.jar:"), output);
    assertTrue(output.contains(":" + home + "/bench/target/lib/c-1.jar:"), output);
    assertTrue(output.contains(":" + home + "/plugin/target/lib/a-1.jar:"), output);
    assertFalse(output.contains("calm-djl-plugin-1.jar"), output);
    assertTrue(output.endsWith("<io.calm.bench.Main>\n<-v>\n<bench>\n<model>\n"), output);
    assertFalse(run("bench").output().contains("building the jar"));
    assertTrue(run("tokenize", "bench").output().contains("<io.calm.cli.Main>"));
  }

  @Test
  void theBenchmarksAreBuiltAgainAfterAChangeOfThePlugin() throws Exception {
    tool("mvn", MVN);
    run("bench");
    source("plugin/src/main/java/A.java", Instant.now().plusSeconds(60));
    assertTrue(run("bench").output().contains("building the jar"));
  }

  @Test
  void aSearchMayKeepFreedArraysUnlessTheUserChose() throws Exception {
    jar(Instant.now());
    String property = "<-Dcalm.malloc.keep=small>";
    assertTrue(run("quantize", "model").output().contains(property));
    assertFalse(run("serve", "model").output().contains(property));
    List<String> chosen = List.of("MALLOC_MMAP_THRESHOLD_=4096");
    assertFalse(run(chosen, home.resolve("calm"), "quantize").output().contains(property));
  }

  @Test
  void aCommandBehindAnOptionHasItsOwnSettings() throws Exception {
    jar(Instant.now());
    String firstCompiler = "<-XX:TieredStopAtLevel=1>";
    assertTrue(run("-v", "inspect").output().contains(firstCompiler));
    assertTrue(run("--version").output().contains(firstCompiler));
    assertFalse(run("-v", "serve").output().contains(firstCompiler));
    assertTrue(run("-v", "quantize").output().contains("<-Dcalm.malloc.keep=small>"));
    java("25");
    assertTrue(run("-v", "serve").output().contains("/plugin/target/calm-serve-25.jsa>"));
    assertTrue(run("").output().contains("/plugin/target/calm-help-25.jsa>"));
  }

  @Test
  void withoutMavenTheMessageSaysWhatIsMissing() throws Exception {
    Program outcome = run("--version");
    assertEquals(1, outcome.status());
    assertTrue(outcome.output().contains("mvn was not found"), outcome.output());
  }

  @Test
  void withoutMavenTheWrapperOfTheProjectIsUsed() throws Exception {
    wrapper("mvnw was called");
    Program outcome = run("--version");
    assertEquals(0, outcome.status(), outcome.output());
    assertTrue(outcome.output().contains("./mvnw downloads Maven once"), outcome.output());
    assertTrue(outcome.output().contains("mvnw was called"), outcome.output());
  }

  @Test
  void anInstalledMavenIsPreferredToTheWrapper() throws Exception {
    tool("mvn", MVN);
    wrapper("mvnw was called");
    Program outcome = run("--version");
    assertEquals(0, outcome.status(), outcome.output());
    assertTrue(outcome.output().contains("mvn -q -B -pl plugin -am"), outcome.output());
    assertFalse(outcome.output().contains("mvnw"), outcome.output());
  }

  @Test
  void aBuildThatFailsIsReportedAndItsJarIsNotRun() throws Exception {
    tool("mvn", MVN + "exit 1\n");
    for (int i = 0; i < 2; i++) {
      Program outcome = run("--version");
      assertEquals(1, outcome.status());
      assertTrue(outcome.output().contains("the build failed"), outcome.output());
    }
  }

  @Test
  void aBuildThatFailsBehindAProxySaysWhereMavenReadsIt() throws Exception {
    tool("mvn", MVN + "exit 1\n");
    List<String> proxy = List.of("https_proxy=http://proxy:3128", "HOME=" + directory);
    String hint = "name the proxy in ~/.m2/settings.xml";
    assertTrue(run(proxy, home.resolve("calm"), "--version").output().contains(hint));
    assertFalse(run("--version").output().contains(hint));
    Files.createFile(Files.createDirectories(directory.resolve(".m2")).resolve("settings.xml"));
    assertFalse(run(proxy, home.resolve("calm"), "--version").output().contains(hint));
  }

  @Test
  void anOlderJavaIsRefused() throws Exception {
    for (String version : List.of("1.8.0_292", "11.0.2", "16-ea")) {
      java(version);
      Program outcome = run("--version");
      assertEquals(1, outcome.status());
      assertTrue(outcome.output().contains("needs 17 or newer"), outcome.output());
    }
  }

  @Test
  void aJavaHomeWithoutJavaIsRefused() throws Exception {
    Files.delete(tools.resolve("java"));
    Program outcome = run("--version");
    assertEquals(1, outcome.status());
    assertTrue(outcome.output().contains("JAVA_HOME is " + tools.getParent()), outcome.output());
  }

  @Test
  void aNewerJavaGetsWhatItUnderstands() throws Exception {
    jar(Instant.now());
    String old = run("--version").output();
    assertFalse(old.contains("-access="), old);
    java("25");
    String output = run("serve", "a").output();
    assertTrue(output.contains("<--enable-native-access=ALL-UNNAMED>"), output);
    assertTrue(output.contains("<--sun-misc-unsafe-memory-access=allow>"), output);
    assertTrue(output.contains("<-XX:+AutoCreateSharedArchive>"), output);
    assertTrue(output.contains("/plugin/target/calm-serve-25.jsa>"), output);
  }

  @Test
  void anArchiveOfAnOlderJarIsNotUsed() throws Exception {
    jar(Instant.now());
    java("25");
    Path archive = Files.createFile(home.resolve("plugin/target/calm-serve-25.jsa"));
    Files.setLastModifiedTime(archive, FileTime.from(Instant.now().minusSeconds(60)));
    run("serve");
    assertFalse(Files.exists(archive));
  }

  @Test
  void theUsersOptionsComeLastAndWin() throws Exception {
    jar(Instant.now());
    String output = run(List.of("CALM_JAVA_OPTS=-Xmx3g -Da=b"), home.resolve("calm")).output();
    assertTrue(output.indexOf("<-Xmx1g>") < output.indexOf("<-Xmx3g>\n<-Da=b>"), output);
  }

  @Test
  void aLinkToTheScriptFindsTheProject() throws Exception {
    jar(Instant.now());
    Path link = Files.createSymbolicLink(directory.resolve("link"), home.resolve("calm"));
    String output = run(List.of(), link).output();
    assertTrue(output.contains("<-Dcalm.home=" + home + ">"), output);
  }

  @Test
  void theScriptReturnsJavasStatus() throws Exception {
    jar(Instant.now());
    tool("java", "#!/bin/sh\n[ \"$1\" = -version ] && echo 'x version \"17\"' && exit\nexit 7\n");
    assertEquals(7, run("--version").status());
  }

  /** Gives the script the system's flock, without which it does not lock. */
  private void lock() throws IOException {
    assumeTrue(
        Files.exists(Path.of("/bin/flock")) || Files.exists(Path.of("/usr/bin/flock")),
        "no flock: builds are not kept apart");
    systemTool("flock");
  }

  private void source(String name) throws IOException {
    source(name, Instant.now().minusSeconds(60));
  }

  private void source(String name, Instant time) throws IOException {
    Path file = home.resolve(name);
    Files.createDirectories(file.getParent());
    Files.writeString(file, "");
    Files.setLastModifiedTime(file, FileTime.from(time));
  }

  private void jar(Instant time) throws IOException {
    Path target = home.resolve("plugin/target");
    Files.createDirectories(target.resolve("lib"));
    Files.writeString(target.resolve("classpath"), "lib/a-1.jar:lib/b-1.jar\n");
    Path jar = Files.createFile(target.resolve("calm-djl-plugin-1.jar"));
    Files.setLastModifiedTime(jar, FileTime.from(time));
  }

  private void wrapper(String line) throws IOException {
    Path file = home.resolve("mvnw");
    Files.writeString(file, MVN.replace("mvn $*", line));
    assertTrue(file.toFile().setExecutable(true));
  }

  private void java(String version) throws IOException {
    tool(
        "java",
        """
        #!/bin/sh
        if [ "$1" = -version ]; then echo 'openjdk version "%s" 2025-01-01' >&2; exit; fi
        for word; do echo "<$word>"; done
        """
            .formatted(version));
  }

  private void tool(String name, String text) throws IOException {
    Path file = tools.resolve(name);
    Files.writeString(file, text);
    assertTrue(file.toFile().setExecutable(true));
  }

  private void systemTool(String tool) throws IOException {
    Path found =
        Stream.of("/bin", "/usr/bin")
            .map(place -> Path.of(place, tool))
            .filter(Files::exists)
            .findFirst()
            .orElseThrow(() -> new AssertionError("no " + tool));
    tool(tool, "#!/bin/sh\nexec " + found + " \"$@\"\n");
  }

  private Program run(String... arguments) throws Exception {
    return run(List.of(), home.resolve("calm"), arguments);
  }

  private Program runNow(String... arguments) {
    try {
      return run(arguments);
    } catch (Exception e) {
      throw new IllegalStateException(e);
    }
  }

  /** Runs the script from another directory, with no tools but ours. */
  private Program run(List<String> environment, Path script, String... arguments) throws Exception {
    ProcessBuilder process = new ProcessBuilder("/bin/sh", script.toString());
    process.command().addAll(List.of(arguments));
    process.directory(directory.toFile());
    process.environment().clear();
    process.environment().put("PATH", tools.toString());
    process.environment().put("JAVA_HOME", tools.getParent().toString());
    for (String setting : environment) {
      process.environment().put(setting.split("=", 2)[0], setting.split("=", 2)[1]);
    }
    return Program.run(process);
  }
}

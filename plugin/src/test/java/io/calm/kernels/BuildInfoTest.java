package io.calm.kernels;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Objects;
import java.util.Optional;
import java.util.jar.Attributes;
import java.util.jar.JarEntry;
import java.util.jar.JarOutputStream;
import java.util.jar.Manifest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The commit in the manifest of a jar, and that of a checkout. */
class BuildInfoTest {
  private static final String COMMIT = "0123456789abcdef0123456789abcdef01234567";

  @TempDir Path directory;

  private Optional<String> commitOfJarWith(String value) throws Exception {
    Manifest manifest = new Manifest();
    manifest.getMainAttributes().put(Attributes.Name.MANIFEST_VERSION, "1.0");
    manifest.getMainAttributes().putValue("Implementation-Commit", value);
    Path jar = directory.resolve("a%s.jar".formatted(value.length()));
    try (OutputStream file = Files.newOutputStream(jar);
        JarOutputStream out = new JarOutputStream(file, manifest);
        InputStream bytes =
            Objects.requireNonNull(BuildInfo.class.getResourceAsStream("BuildInfo.class"))) {
      out.putNextEntry(new JarEntry("io/calm/kernels/BuildInfo.class"));
      bytes.transferTo(out);
    }
    URL[] path = {jar.toUri().toURL()};
    try (URLClassLoader loader = new URLClassLoader(path, ClassLoader.getPlatformClassLoader())) {
      return BuildInfo.ofJar(loader.loadClass(BuildInfo.class.getName()));
    }
  }

  @Test
  void theManifestHasTheCommitOrNone() throws Exception {
    assertEquals(Optional.of(COMMIT), commitOfJarWith(COMMIT));
    assertEquals(Optional.empty(), commitOfJarWith("unknown"));
    assertEquals(Optional.empty(), commitOfJarWith("${calm.commit}"));
  }

  @Test
  void theCommitOfACheckoutIsThatOfItsHead() throws IOException {
    String commit = "0123456789".repeat(4);
    assertTrue(BuildInfo.head(directory).isEmpty());
    Path git = Files.createDirectories(directory.resolve(".git"));
    Files.writeString(git.resolve("HEAD"), commit + "\n");
    assertEquals(commit, BuildInfo.head(directory).orElseThrow());
    Files.writeString(git.resolve("HEAD"), "ref: refs/heads/main\n");
    assertTrue(BuildInfo.head(directory).isEmpty());
    Files.writeString(git.resolve("packed-refs"), "# pack-refs\n" + commit + " refs/heads/main\n");
    assertEquals(commit, BuildInfo.head(directory).orElseThrow());
    String newer = "abcdef0123".repeat(4);
    Files.createDirectories(git.resolve("refs/heads"));
    Files.writeString(git.resolve("refs/heads/main"), newer + "\n");
    assertEquals(newer, BuildInfo.head(directory).orElseThrow());
    Path tree = Files.createDirectories(directory.resolve("tree"));
    Path own = Files.createDirectories(git.resolve("worktrees/tree"));
    Files.writeString(tree.resolve(".git"), "gitdir: " + own + "\n");
    Files.writeString(own.resolve("HEAD"), "ref: refs/heads/main\n");
    Files.writeString(own.resolve("commondir"), "../..\n");
    assertEquals(newer, BuildInfo.head(tree).orElseThrow());
  }
}

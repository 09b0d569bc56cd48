package io.calm.report;

import static org.junit.jupiter.api.Assertions.assertEquals;

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

/** The commit in the manifest of a jar. */
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
      out.putNextEntry(new JarEntry("io/calm/report/BuildInfo.class"));
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
}

package io.calm.serving.djl;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.jar.JarFile;
import java.util.stream.Stream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;

/**
 * The plugin jar of this build, exporting {@link ScriptedPlugin} instead, with the classes of the
 * tests that it needs.
 */
final class ScriptedJar {
  private static final String DEFINITION = "META-INF/plugin.definition";

  private ScriptedJar() {}

  static Path write(Path directory) throws IOException {
    Path jar = directory.resolve("scripted-plugin.jar");
    try (OutputStream file = Files.newOutputStream(jar);
        ZipOutputStream out = new ZipOutputStream(file);
        JarFile plugin = new JarFile(RealDjlServing.pluginJar().toFile())) {
      for (ZipEntry entry : plugin.stream().toList()) {
        if (!entry.getName().equals(DEFINITION)) {
          try (InputStream in = plugin.getInputStream(entry)) {
            write(out, entry.getName(), in.readAllBytes());
          }
        }
      }
      Path tests = testClasses();
      for (String name : List.of("io/calm/testing", "io/calm/serving/djl")) {
        try (Stream<Path> files = Files.list(tests.resolve(name))) {
          for (Path test : files.filter(f -> f.toString().endsWith(".class")).toList()) {
            write(out, tests.relativize(test).toString(), Files.readAllBytes(test));
          }
        }
      }
      String export = "name=calm\nexport=" + ScriptedPlugin.class.getName() + "\n";
      write(out, DEFINITION, export.getBytes(StandardCharsets.UTF_8));
    }
    return jar;
  }

  private static Path testClasses() {
    return Path.of(ScriptedJar.class.getProtectionDomain().getCodeSource().getLocation().getPath());
  }

  private static void write(ZipOutputStream out, String name, byte[] bytes) throws IOException {
    out.putNextEntry(new ZipEntry(name));
    out.write(bytes);
    out.closeEntry();
  }
}

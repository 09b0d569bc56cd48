package io.calm.bench;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import org.junit.jupiter.api.Test;

/** The arrow between the modules: the benchmarks use the plugin, the plugin does not know them. */
class ModuleOrderTest {
  private static final JavaClasses CLASSES =
      new ClassFileImporter()
          .withImportOption(new ImportOption.DoNotIncludeTests())
          .importPackages("io.calm");

  @Test
  void thePluginDoesNotKnowTheBenchmarks() {
    assertTrue(CLASSES.contain("io.calm.cli.Main") && CLASSES.contain("io.calm.bench.Main"));
    noClasses()
        .that()
        .resideOutsideOfPackage("io.calm.bench..")
        .should()
        .dependOnClassesThat()
        .resideInAPackage("io.calm.bench..")
        .check(CLASSES);
  }

  @Test
  void theBenchmarksKnowNoServer() {
    noClasses()
        .that()
        .resideInAPackage("io.calm.bench..")
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage("io.calm.serving..", "io.calm.host..", "io.netty..")
        .check(CLASSES);
  }
}

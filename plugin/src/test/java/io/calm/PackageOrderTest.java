package io.calm;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;
import static org.junit.jupiter.api.Assertions.assertEquals;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/** The package order of docs/explanation/architecture.md, held for every class of the plugin. */
class PackageOrderTest {

  /** Package | the packages it may use | packages of others that it must not know. */
  private static final String TABLE =
      """
      text        |                                                 | ai.djl io.netty com.google.gson java.nio.file
      files       |                                                 | ai.djl io.netty com.google.gson
      tensor      | files                                           | ai.djl io.netty com.google.gson
      model       | tensor text                                     | ai.djl io.netty com.google.gson java.nio.file
      jinja       |                                                 | ai.djl io.netty com.google org.slf4j java.nio.file java.lang.reflect
      checkpoint  | model tensor files text jinja                   | io.netty ai.djl.ndarray ai.djl.engine
      runtime     | model tensor files text                         | io.netty
      cka         | tensor text                                     | io.netty com.google.gson java.nio.file
      quant       | model tensor text                               | io.netty com.google.gson java.nio.file
      calibration | checkpoint runtime model tensor files text      | io.netty
      search      | calibration quant cka runtime model tensor text | io.netty java.nio.file
      artifact    | search model tensor files text                  | io.netty ai.djl
      generate    | runtime model text                              | io.netty ai.djl com.google.gson
      metrics     |                                                 | io.netty ai.djl com.google.gson
      serving     | files tensor model checkpoint runtime cka quant calibration search artifact generate metrics text |
      host        | serving text                                    |
      cli         | files tensor model checkpoint runtime cka quant calibration search artifact generate metrics serving host text |
      """;

  private static final List<Row> ROWS = TABLE.lines().map(Row::parse).toList();

  private static final JavaClasses CLASSES =
      new ClassFileImporter()
          .withImportOption(new ImportOption.DoNotIncludeTests())
          .importPackages("io.calm");

  /**
   * One row of the table.
   *
   * @param name a package under {@code io.calm}; its subpackages belong to it
   * @param uses the other packages it may use
   * @param forbidden packages of others that it must not know
   */
  private record Row(String name, Set<String> uses, Set<String> forbidden) {
    static Row parse(String row) {
      List<Set<String>> cells = Arrays.stream(row.split("\\|", -1)).map(Row::words).toList();
      return new Row(cells.get(0).iterator().next(), cells.get(1), cells.get(2));
    }

    private static Set<String> words(String cell) {
      return Arrays.stream(cell.strip().split(" +", -1))
          .filter(word -> !word.isEmpty())
          .collect(Collectors.toCollection(TreeSet::new));
    }

    String pattern() {
      return "io.calm." + name + "..";
    }
  }

  @TestFactory
  Stream<DynamicTest> aPackageUsesOnlyWhatItsRowAllows() {
    return ROWS.stream()
        .map(row -> DynamicTest.dynamicTest(row.name(), () -> usesOnlyWhatItsRowAllows(row)));
  }

  private static void usesOnlyWhatItsRowAllows(Row row) {
    Stream<String> closedPackages =
        ROWS.stream()
            .filter(other -> !other.equals(row) && !row.uses().contains(other.name()))
            .map(Row::pattern);
    Stream<String> closedLibraries = row.forbidden().stream().map(name -> name + "..");
    noClasses()
        .that()
        .resideInAPackage(row.pattern())
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage(Stream.concat(closedPackages, closedLibraries).toArray(String[]::new))
        .because("docs/explanation/architecture.md lets %s use %s".formatted(row.name(), row.uses()))
        .check(CLASSES);
  }

  @Test
  void theTableHasEveryPackage() {
    Set<String> packages =
        CLASSES.stream()
            .map(JavaClass::getPackageName)
            .map(name -> name.split("\\.", -1)[2])
            .collect(Collectors.toCollection(TreeSet::new));
    assertEquals(ROWS.stream().map(Row::name).collect(Collectors.toSet()), packages);
  }

  @Test
  void algorithmsDoNotKnowEachOther() {
    slices()
        .matching("io.calm.quant.(*)..")
        .should()
        .notDependOnEachOther()
        .allowEmptyShould(true)
        .check(CLASSES);
  }

  @Test
  void searchDoesNotKnowTheInsideOfAnAlgorithm() {
    noClasses()
        .that()
        .resideInAPackage("io.calm.search..")
        .should()
        .dependOnClassesThat()
        .resideInAPackage("io.calm.quant.*..")
        .check(CLASSES);
  }
}

package io.calm;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import io.calm.testing.Repository;
import java.io.IOException;
import java.nio.file.Files;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/** The package order of docs/explanation/architecture.md, held for every class of the plugin. */
class PackageOrderTest {

  /**
   * Package | the packages it may use | packages of others that it must not know. From the ground
   * up: a package may use only those above its row.
   */
  private static final String TABLE =
      """
      text             |                                                     | ai.djl io.netty com.google.gson java.nio.file
      files            |                                                     | ai.djl io.netty com.google.gson
      jinja            |                                                     | ai.djl io.netty com.google org.slf4j java.nio.file java.lang.reflect
      metrics          |                                                     | io.netty ai.djl com.google.gson
      tensor           | text                                                | ai.djl io.netty com.google.gson java.nio.file
      model            | tensor text                                         | ai.djl io.netty com.google.gson java.nio.file
      kernels          | tensor files text                                   | ai.djl io.netty com.google.gson
      checkpoint       | model tensor files text jinja                       | io.netty ai.djl.ndarray ai.djl.engine
      runtime          | kernels model tensor text                           | io.netty ai.djl com.google.gson
      torch            | runtime model tensor files text                     | io.netty com.google.gson
      cka              | kernels tensor text                                 | io.netty ai.djl com.google.gson java.nio.file
      quant            | kernels model tensor text                           | io.netty ai.djl com.google.gson java.nio.file
      calibration      | checkpoint runtime tensor files text                | io.netty ai.djl
      replay           | torch runtime kernels model tensor files text       | io.netty com.google.gson
      search           | replay calibration quant cka kernels model tensor text | io.netty ai.djl java.nio.file
      artifact         | search cka model tensor files text                  | io.netty ai.djl
      settings         | runtime quant cka kernels model tensor files text           | io.netty ai.djl
      quantize         | settings artifact search replay calibration quant cka torch runtime kernels checkpoint model tensor text | io.netty
      export           | settings artifact search runtime checkpoint model tensor files text | io.netty
      generate         | runtime model text                                  | io.netty ai.djl com.google.gson
      compare          | generate runtime kernels model tensor files text    | io.netty ai.djl
      report           | compare settings artifact search quant cka kernels model tensor text | io.netty ai.djl
      serving.model    | report compare generate search kernels checkpoint model text       | io.netty ai.djl com.google.gson
      serving.reply    | serving.model compare generate checkpoint metrics text model | io.netty ai.djl
      serving.openai   | serving.reply serving.model generate checkpoint text model | io.netty ai.djl
      serving.lmi      | serving.reply serving.model generate checkpoint text model | io.netty ai.djl
      serving.load     | serving.reply serving.model report compare settings quantize artifact search quant generate torch runtime kernels checkpoint model tensor text | io.netty ai.djl
      serving.dispatch | serving.openai serving.lmi serving.reply serving.model checkpoint metrics text generate | io.netty ai.djl
      serving.http     | serving.dispatch serving.load serving.reply serving.model report compare generate search kernels metrics cka model tensor text | ai.djl
      serving.djl      | serving.http serving.dispatch serving.load serving.reply serving.model settings search metrics text generate |
      host             | serving.http serving.reply text                     | ai.djl
      cli              | export host serving.djl serving.http serving.dispatch serving.load serving.model quantize report settings artifact search replay cka torch runtime kernels checkpoint metrics model tensor files text |
      """;

  private static final List<Row> ROWS = TABLE.lines().map(Row::parse).toList();

  private static final JavaClasses CLASSES =
      new ClassFileImporter()
          .withImportOption(new ImportOption.DoNotIncludeTests())
          .importPackages("io.calm");

  /**
   * One row of the table.
   *
   * @param name a package under {@code io.calm}; subpackages without a row belong to it
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
        .because(
            "docs/explanation/architecture.md lets %s use %s".formatted(row.name(), row.uses()))
        .check(CLASSES);
  }

  @Test
  void theTableHasEveryPackage() {
    Set<String> packages =
        CLASSES.stream()
            .map(JavaClass::getPackageName)
            .map(PackageOrderTest::row)
            .collect(Collectors.toCollection(TreeSet::new));
    assertEquals(ROWS.stream().map(Row::name).collect(Collectors.toSet()), packages);
  }

  /** Returns the row that a package belongs to: its room, or its room in {@code serving}. */
  private static String row(String packageName) {
    String[] names = packageName.split("\\.", -1);
    return names[2].equals("serving") && names.length > 3 ? "serving." + names[3] : names[2];
  }

  @Test
  void theArchitecturePageHasTheSameTable() throws IOException {
    Pattern documented = Pattern.compile("\\| `([a-z.0-9]+)` \\|[^|]*\\| (.*) \\|");
    Map<String, Set<String>> table = new TreeMap<>();
    for (String line : Files.readAllLines(Repository.path("docs/explanation/architecture.md"))) {
      Matcher row = documented.matcher(line);
      if (row.matches()) {
        Set<String> uses = new TreeSet<>(List.of(row.group(2).split(", ", -1)));
        uses.remove("-");
        table.put(row.group(1), uses);
      }
    }
    Map<String, Set<String>> held =
        ROWS.stream().collect(Collectors.toMap(Row::name, Row::uses, (a, b) -> a, TreeMap::new));
    assertEquals(held, table);
  }

  @Test
  void aPackageUsesOnlyPackagesBelowIt() {
    Set<String> below = new TreeSet<>();
    for (Row row : ROWS) {
      assertTrue(
          below.containsAll(row.uses()), () -> row + " uses a package that has no row above it");
      below.add(row.name());
    }
  }

  @Test
  void noPackagesUseEachOther() {
    slices().matching("io.calm.(**)").should().beFreeOfCycles().check(CLASSES);
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

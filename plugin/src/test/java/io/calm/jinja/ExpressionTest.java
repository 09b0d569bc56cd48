package io.calm.jinja;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** Python's values and operators. */
class ExpressionTest {

  @Test
  void arithmeticIsPythons() {
    Rendering.check(
        """
        {{ 7 // 2 }} {{ -7 // 2 }} {{ 7 % -3 }} {{ -7 % 3 }} {{ 7 / 2 }} {{ 6 / 2 }} => 3 -4 -2 2 3.5 3.0
        {{ 2 ** 100 }} {{ 2 ** -1 }} {{ 7.5 // 2 }} {{ -7.5 % 2 }} => 1267650600228229401496703205376 0.5 3.0 0.5
        {{ 9223372036854775807 + 1 }} {{ true + 1 }} {{ -true }} => 9223372036854775808 2 -1
        {{ 'a' * 3 }}{{ [1] * 2 }}{{ (1,) + (2,) }}{{ 'a' * -1 }} => aaa[1, 1](1, 2)
        """);
    Rendering.fails(
        TemplateRuntimeException.class,
        """
        {{ 1 / 0 }} => division by zero
        {{ 1 + 'a' }} => unsupported operand type(s) for +: 'int' and 'str'
        {{ 'a' + 1 }} => can only concatenate str (not "int") to str
        {{ 'a' < 1 }} => '<' not supported between instances of 'str' and 'int'
        {{ missing + 1 }} => 'missing' is undefined
        {{ n() }} => 'int' object is not callable
        """);
  }

  @Test
  void equalityAndMembershipAreByValue() {
    Rendering.check(
        """
        {{ 1 == 1.0 == true }} {{ [1] == (1,) }} {{ {'a': [1]} == {'a': [1.0]} }} => True False True
        {{ 'x' in s }}{{ 'Hello' in s }}{{ 9 not in l }}{{ 'b' in d }}{{ 'b' in missing }} => FalseTrueTrueTrueFalse
        {{ [1, 2] < [1, 3] }} {{ 'a' < 'b' }} {{ {1: 'x', '1': 'y'}[true] }} => True True x
        """);
  }

  @Test
  void valuesPrintAsPythonPrintsThem() {
    Rendering.check(
        """
        {{ [1, 'a', "it's", none, true, 1.5, {'k': (1,)}] }} => [1, 'a', "it's", None, True, 1.5, {'k': (1,)}]
        {{ none }}{{ true }}{{ missing }}{{ [missing] }} => NoneTrue[Undefined]
        {{ d.keys() }} {{ d.items() }} => dict_keys(['b', 'a', 'items']) dict_items([('b', 1), ('a', [1, 2]), ('items', 'X')])
        {{ 1.0 }} {{ 1/3 }} {{ 123456789.123 }} {{ 1e300 * 10 }} {{ -0.0 }} => 1.0 0.3333333333333333 123456789.123 1e+301 -0.0
        {{ ['a¶b\\x01\u00e9'] }} => ['a\\nb\\x01\u00e9']
        {{ ['\\U0001fae0\\ufdd0\\uffff\\ue000\\ufffd'] }} => ['\ud83e\udee0\\ufdd0\\uffff\\ue000\ufffd']
        """);
  }

  @Test
  void stringsAreSequencesOfCodePoints() {
    Rendering.check(
        """
        {{ u|length }} {{ u[6] }} {{ u[::-1] }} {{ u[2:8:2] }} {{ s[-1] }}{{ s[1:4] }} => 13 \ud83d\ude00 dlr\u00f6w \ud83d\ude00 oll\u00e9h lo\ud83d\ude00 dell
        {{ l[1:] }}{{ l[::-1] }}{{ l[5:] }}{{ (1, 2, 3)[::2] }}{{ s[10:2:-3] }} => [1, 2][2, 1, 3][](1, 3)lWo
        """);
  }

  @Test
  void attributesAreTriedBeforeItemsAndItemsBeforeAttributes() {
    Rendering.check(
        """
        {{ d['items'] }} {{ d.items()|list|length }} {{ d.b }} {{ d.get('z', 7) }} => X 3 1 7
        {{ msgs.0.role }} {{ msgs[-1]['content'] }} {{ s['upper']() }} => system U2 HELLO, WORLD
        {{ d.zz is defined }} {{ l[9] is defined }} {{ l['0'] is defined }} => False False False
        """);
    Rendering.fails(
        TemplateRuntimeException.class,
        """
        {{ d.zz.y }} => 'dict object' has no attribute 'zz'
        {{ l[9].y }} => list object has no element 9
        {{ none.x.y }} => 'None' has no attribute 'x'
        """);
  }

  @Test
  void theSandboxForbidsChangesAndInternals() {
    Rendering.check("{{ l.append is defined }}{{ s.__class__ }}{{ d.update }} => False");
    Rendering.fails(
        TemplateRuntimeException.class,
        """
        {{ l.append(4) }} => access to attribute 'append' of 'list' object is unsafe
        {{ d.pop('b') }} => access to attribute 'pop' of 'dict' object is unsafe
        {{ s.__class__.__mro__ }} => access to attribute '__class__' of 'str' object is unsafe
        {{ ''.getClass() }} => 'str object' has no attribute 'getClass'
        """);
  }

  @Test
  void valuesCompareAndSliceAsInPython() {
    Rendering.check(
        """
        {{ 'c' > 'a' }}{{ 'c' >= 'a' }}{{ ['a', 'c']|max }}{{ [['c'], ['a']]|max }} => TrueTruec['c']
        {{ {'a': 1, 'b': 2}.keys() == {'b': 1, 'a': 2}.keys() }}{{ {'a': 1, 'b': 2}.items() == {'b': 2, 'a': 1}.items() }}{{ d.values() == d.values() }} => TrueTrueFalse
        {{ range(5, 0, -2)[::2] }} {{ range(5)[3:1] }} {{ range(10)[::-3] }} => range(5, -1, -4) range(3, 1) range(9, -1, -3)
        {{ 'abc'[] }}{{ {(): 1}[] }} => 1
        {{ 'abc'[::4294967297] }}{{ l[::-4294967297] }}{{ 'abc'[::4294967296] }} => a[2]a
        {% set nan = 1e999 - 1e999 %}{{ nan > 1 }} {{ nan >= 1 }} {{ nan < 1 }} {{ nan <= 1 }} {{ nan == nan }} => False False False False False
        """);
    Rendering.fails(
        TemplateRuntimeException.class,
        """
        {{ dict(missing, a=1) }} => 'missing' is undefined
        {{ 1 is sequence in [] }} => 'in' is undefined
        {% set self.x = 1 %} => cannot assign attribute on non-namespace object
        """);
  }

  @Test
  void generatorsAreReadOnceAndAlwaysTrue() {
    Rendering.check(
        """
        {% set g = msgs|map(attribute='role') %}{{ g|list }}{{ g|list }} => ['system', 'user', 'user'][]
        {% if msgs|selectattr('role', 'equalto', 'x') %}true{% endif %} => true
        """);
    Rendering.fails(
        TemplateRuntimeException.class,
        "{{ msgs|selectattr('role')|length }} => object of type 'generator' has no len()");
  }

  @Test
  void javasNumbersBecomePythons() {
    Map<String, Object> variables =
        Map.of(
            "a", new BigInteger("123456789012345678901234567890"),
            "b", new BigDecimal("1.50"),
            "c", new BigDecimal("7"),
            "d", 0.1f,
            "e", 1e16);
    assertEquals(
        "123456789012345678901234567890 1.5 7 0.1 1e+16",
        Template.parse("{{ a }} {{ b }} {{ c }} {{ d }} {{ e }}").render(variables));
    assertThrows(
        IllegalArgumentException.class,
        () -> Template.parse("{{ a }}").render(Map.of("a", new Object())));
    assertThrows(
        IllegalArgumentException.class,
        () -> Template.parse("{{ a }}").render(Map.of("a", Map.of(1, 2))));
  }
}

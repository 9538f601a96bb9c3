"""Names of invented people in six ways of naming, each with the spellings that documents and lists would give it.

Given names are common ones; family names are put together from syllables, so that another seed has other families.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np


@dataclass(frozen=True)
class Invented:
    """`native`: in the script of the country. `latin`: as "
    "on a passport; `variants`: other spellings of the same.
    """

    native: str
    latin: str
    variants: tuple[str, ...]
    birth_year: int


@dataclass(frozen=True)
class Culture:
    """`given`, `syllables`, `endings`: (native, latin, another "
    "latin spelling). `is_family_first`: in native script.
    """

    given: tuple[tuple[str, str, str], ...]
    syllables: tuple[tuple[str, str, str], ...]
    endings: tuple[tuple[str, str, str], ...]
    syllables_of_family: tuple[int, int]
    native_join: str = " "
    is_family_first: bool = False
    given_count: int = 1


def _three(text: str) -> tuple[tuple[str, str, str], ...]:
    """`native/latin/other` words; a part that is left out is as the one before it."""
    rows = []
    for word in text.split():
        parts = word.split("/")
        latin = parts[1] if len(parts) > 1 else parts[0]
        rows.append((parts[0], latin, parts[2] if len(parts) > 2 else latin))
    return tuple(rows)


_RUSSIAN_GIVEN: Final = (
    "Дмитрий/Dmitry/Dmitrij Сергей/Sergey/Sergei Алексей/Alexey/Aleksei Андрей/Andrey/Andrei Юрий/Yuri/Iurii "
    "Евгений/Evgeny/Yevgeniy Владимир/Vladimir/Wladimir Николай/Nikolay/Nikolai Михаил/Mikhail/Michail "
    "Ольга/Olga Татьяна/Tatiana/Tatyana Ирина/Irina "
    "Анна/Anna Наталья/Natalia/Natalya Екатерина/Ekaterina/Yekaterina "
    "Мария/Maria/Mariya Виктор/Viktor/Victor Григорий/Grigory/Grigorij Константин/Konstantin/Constantin Игорь/Igor"
)
_ARABIC_GIVEN: Final = (
    "محمد/Mohammed/Muhammad أحمد/Ahmed/Ahmad يوسف/Youssef/Yusuf عبدالله/Abdullah/Abdallah حسين/Hussein/Husayn "
    "عمر/Omar/Umar خالد/Khaled/Khalid مصطفى/Mustafa/Moustapha إبراهيم/Ibrahim/Ebrahim فاطمة/Fatima/Fatma "
    "عائشة/Aisha/Aicha مريم/Maryam/Mariam جمال/Jamal/Gamal طارق/Tarek/Tariq سعيد/Said/Saeed كريم/Karim/Kareem "
    "نور/Nour/Noor ليلى/Layla/Leila رشيد/Rashid/Rachid زينب/Zainab/Zeinab"
)
_CHINESE_GIVEN: Final = (
    "小/xiao 明/ming 丽/li 伟/wei 芳/fang 娜/na 秀/xiu "
    "英/ying 敏/min 静/jing 强/qiang 磊/lei 军/jun 洋/yang 勇/yong "
    "艳/yan 杰/jie 涛/tao 超/chao 平/ping 刚/gang 桂/gui 文/wen 辉/hui 玲/ling 建/jian 国/guo 华/hua 志/zhi 红/hong "
    "子/zi 轩/xuan 浩/hao 宇/yu 婷/ting 雪/xue 梅/mei 春/chun 冬/dong 波/bo 斌/bin 鹏/peng 飞/fei 龙/long 生/sheng "
    "天/tian 成/cheng 云/yun 月/yue 晨/chen 佳/jia 琪/qi 莉/li 倩/qian 蕾/lei 俊/jun 泽/ze 恩/en 安/an 永/yong"
)
CULTURES: Final = {
    "Latin": Culture(
        _three(
            "John Mary Peter Jürgen/Jürgen/Juergen "
            "Søren/Søren/Soeren François/François/Francois Zoë/Zoë/Zoe Anna Marta "
            "José/José/Jose María/María/Maria André/André/Andre "
            "Hélène/Hélène/Helene Łukasz/Łukasz/Lukasz Björn/Björn/Bjoern "
            "Thomas Sofia/Sofia/Sophia Karl/Karl/Carl "
            "Philip/Philip/Filip Catherine/Catherine/Katherine Luis/Luis/Louis Paul"
        ),
        _three(
            "mar bel tor ven hal rud kess lin pfau/pfau/pfau gra "
            "stein del cor rö/rö/roe mü/mü/mue ber wil and rosen bla"
        ),
        _three("son mann/mann/man ez/ez/es ini ski/ski/sky ford er/er/er eau/eau/eaux sen/sen/sen ová/ová/ova"),
        (2, 3),
        given_count=2,
    ),
    "Cyrillic": Culture(
        _three(_RUSSIAN_GIVEN),
        _three(
            "щер/shcher/scher ба/ba ков/kov/kow жу/zhu/ju ха/kha/ha "
            "че/che/tche ря/rya/ria бо/bo ло/lo мед/med гри/gri "
            "те/te вол/vol/wol мир/mir са/sa зай/zay/zai ша/sha/scha пе/pe тру/tru кры/kry/kri"
        ),
        _three("ов/ov/off ский/sky/skij енко/enko/yenko ин/in ев/ev/ew"),
        (2, 3),
        given_count=2,
    ),
    "Arabic": Culture(
        _three(_ARABIC_GIVEN),
        _three(
            "خا/kha/ha لد/lid/led را/ra شي/shi/chi حم/ham سا/sa "
            "لم/lem/lim فر/far قا/qa/ka سم/sem/sim نا/na صر/ser/sir "
            "ما/ma جد/jed/jid ها/ha شم/shim/chem زي/zay/zei دا/da تو/taw/tau بي/bi"
        ),
        _three("ي/i/y ان/an اوي/awi/aoui ين/in/een اد/ad"),
        (2, 3),
        given_count=2,
    ),
    "Greek": Culture(
        _three(
            "Γεώργιος/Georgios/Yorgos Δημήτρης/Dimitris/Dimitrios Νίκος/Nikos/Nicos Ελένη/Eleni/Heleni Μαρία/Maria "
            "Κώστας/Kostas/Costas Παναγιώτης/Panagiotis/Panayiotis "
            "Σοφία/Sofia/Sophia Χρήστος/Christos/Hristos Άννα/Anna"
        ),
        _three("πα/pa πα/pa δο/do/tho κα/ka/ca ρα/ra μα/ma νο/no λε/le βα/va σι/si θε/the μη/mi/my στα/sta"),
        _three("πουλος/poulos/pulos ίδης/idis/ides άκης/akis/akes ου/ou/u"),
        (3, 4),
    ),
    "Han": Culture(
        _three(_CHINESE_GIVEN),
        _three(
            "王/wang 李/li 张/zhang 刘/liu 陈/chen 杨/yang 黄/huang "
            "赵/zhao 吴/wu 周/zhou 徐/xu 孙/sun 马/ma 朱/zhu 胡/hu "
            "郭/guo 何/he 高/gao 林/lin 罗/luo 郑/zheng 梁/liang "
            "谢/xie 宋/song 唐/tang 许/xu 韩/han 冯/feng 邓/deng 曹/cao "
            "彭/peng 曾/zeng 肖/xiao 田/tian 董/dong 潘/pan 袁/yuan 蔡/cai 蒋/jiang 余/yu 于/yu 杜/du "
            "叶/ye 程/cheng 魏/wei 苏/su 吕/lv 丁/ding 任/ren 卢/lu 姚/yao 沈/shen 钟/zhong 姜/jiang 崔/cui 谭/tan "
            "陆/lu 范/fan 汪/wang 廖/liao"
        ),
        _three("/"),
        (1, 1),
        native_join="",
        is_family_first=True,
        given_count=2,
    ),
    "Devanagari": Culture(
        _three(
            "अमित/Amit राहुल/Rahul प्रिया/Priya/Prya "
            "संजय/Sanjay/Sanjai अनिल/Anil सुनीता/Sunita/Suneeta विजय/Vijay/Wijay "
            "दीपक/Deepak/Dipak पूजा/Pooja/Puja रवि/Ravi/Ravee किरण/Kiran मनोज/Manoj लक्ष्मी/Lakshmi/Laxmi नेहा/Neha"
        ),
        _three(
            "शर/shar मा/ma गु/gu प्त/pt कु/ku मार/mar पा/pa टील/til/teel रा/ra ठौर/thor/thore वर/var/war सिं/sin "
            "चौ/chau/chow हान/han बा/ba नर/nar"
        ),
        _three("ी/i/ee ा/a े/e"),
        (3, 4),
    ),
}


def invented(rng: np.random.Generator, culture: Culture) -> Invented:
    """Somebody born between 1940 and 2005."""
    given = [culture.given[place] for place in rng.integers(0, len(culture.given), culture.given_count)]
    low, high = culture.syllables_of_family
    parts = [culture.syllables[place] for place in rng.integers(0, len(culture.syllables), rng.integers(low, high + 1))]
    family = [*parts, culture.endings[rng.integers(0, len(culture.endings))]]
    native = _ordered(culture, [_written(culture, given, 0)], _glued(family, 0))
    latin, other = (_latin(culture, given, family, which) for which in (1, 2))
    return Invented(native, latin, (other,), int(rng.integers(1940, 2006)))


def _written(culture: Culture, given: Sequence[tuple[str, str, str]], which: int) -> str:
    return culture.native_join.join(name[which] for name in given)


def _ordered(culture: Culture, given: Sequence[str], family: str) -> str:
    words = [family, *given] if culture.is_family_first else [*given, family]
    return culture.native_join.join(words)


def _glued(family: Sequence[tuple[str, str, str]], which: int) -> str:
    return "".join(part[which] for part in family)


def _latin(
    culture: Culture, given: Sequence[tuple[str, str, str]], family: Sequence[tuple[str, str, str]], which: int
) -> str:
    names = [part[which] for part in given]
    written = ["".join(names)] if culture.is_family_first else names
    return " ".join(word.capitalize() for word in (*written, _glued(family, which)))

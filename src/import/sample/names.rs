//! Names of people in several countries and scripts, each with the spelling
//! that stands in their addresses.

/// Which of two names is written first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    GivenFirst,
    FamilyFirst,
    /// Family name first, and no blank between them.
    Joined,
}

/// How people of a country are called.
pub(super) struct Culture {
    pub(super) order: Order,
    /// As it is written, and in the letters of addresses.
    pub(super) given: &'static [(&'static str, &'static str)],
    pub(super) family: &'static [(&'static str, &'static str)],
    /// What companies have behind or before a family name.
    pub(super) company: (&'static str, &'static str),
    pub(super) language: &'static str,
    pub(super) currency: &'static str,
    /// A domain in the country's own letters.
    pub(super) domain: &'static str,
}

pub(super) const ENGLISH: Culture = Culture {
    order: Order::GivenFirst,
    given: &[
        ("Ada", "ada"),
        ("Grace", "grace"),
        ("Oliver", "oliver"),
        ("Mary-Jane", "mary-jane"),
        ("James", "james"),
        ("Chloé", "chloe"),
        ("Noah", "noah"),
        ("Siobhán", "siobhan"),
        ("Emma", "emma"),
        ("Liam", "liam"),
        ("Zoë", "zoe"),
        ("José", "jose"),
    ],
    family: &[
        ("Smith", "smith"),
        ("O'Neill", "oneill"),
        ("Johnson", "johnson"),
        ("McAllister", "mcallister"),
        ("García", "garcia"),
        ("Okafor", "okafor"),
        ("Williams", "williams"),
        ("St. John", "stjohn"),
        ("Brown", "brown"),
        ("Nguyễn", "nguyen"),
        ("Taylor, Jr.", "taylor"),
        ("Muñoz", "munoz"),
    ],
    company: ("", " & Sons, Inc."),
    language: "en-US",
    currency: "USD",
    domain: "naïve.example",
};

pub(super) const GERMAN: Culture = Culture {
    order: Order::GivenFirst,
    given: &[
        ("Jürgen", "juergen"),
        ("Anneliese", "anneliese"),
        ("Björn", "bjoern"),
        ("Käthe", "kaethe"),
        ("Lukas", "lukas"),
        ("Şeyma", "seyma"),
        ("Michał", "michal"),
        ("Sophie", "sophie"),
        ("Jörg", "joerg"),
        ("Łucja", "lucja"),
    ],
    family: &[
        ("Müller", "mueller"),
        ("Weiß", "weiss"),
        ("von der Heyde", "vonderheyde"),
        ("Schäfer", "schaefer"),
        ("Yıldız", "yildiz"),
        ("Großmann", "grossmann"),
        ("Müller-Lüdenscheidt", "mueller-luedenscheidt"),
        ("Kowalczyk", "kowalczyk"),
        ("Böhm", "boehm"),
        ("Żółtowski", "zoltowski"),
    ],
    company: ("", " GmbH & Co. KG"),
    language: "de",
    currency: "EUR",
    domain: "bücher.example",
};

pub(super) const FRENCH: Culture = Culture {
    order: Order::GivenFirst,
    given: &[
        ("Amélie", "amelie"),
        ("François", "francois"),
        ("Hélène", "helene"),
        ("Loïc", "loic"),
        ("Anaïs", "anais"),
        ("Jean-Marc", "jean-marc"),
        ("Maëlle", "maelle"),
        ("Théo", "theo"),
    ],
    family: &[
        ("Lefèvre", "lefevre"),
        ("d'Aubigné", "daubigne"),
        ("Gonçalves", "goncalves"),
        ("Bérenger", "berenger"),
        ("Dupont", "dupont"),
        ("Noël", "noel"),
        ("Le Goff", "legoff"),
        ("Çelik", "celik"),
    ],
    company: ("Établissements ", " S.A.R.L."),
    language: "fr",
    currency: "EUR",
    domain: "crème.example",
};

pub(super) const GREEK: Culture = Culture {
    order: Order::GivenFirst,
    given: &[
        ("Ελένη", "eleni"),
        ("Γιώργος", "giorgos"),
        ("Μαρία", "maria"),
        ("Δημήτρης", "dimitris"),
        ("Αθηνά", "athina"),
        ("Νίκος", "nikos"),
    ],
    family: &[
        ("Παπαδόπουλος", "papadopoulos"),
        ("Οικονόμου", "oikonomou"),
        ("Γεωργίου", "georgiou"),
        ("Καζαντζάκη", "kazantzaki"),
        ("Βασιλείου", "vasileiou"),
        ("Σταυρίδης", "stavridis"),
    ],
    company: ("", " Α.Ε."),
    language: "el",
    currency: "EUR",
    domain: "βιβλίο.example",
};

pub(super) const CYRILLIC: Culture = Culture {
    order: Order::GivenFirst,
    given: &[
        ("Олена", "olena"),
        ("Андрій", "andrii"),
        ("Наталія", "nataliia"),
        ("Сергей", "sergey"),
        ("Ирина", "irina"),
        ("Милош", "milos"),
        ("Ђорђе", "djordje"),
        ("Катерина", "kateryna"),
    ],
    family: &[
        ("Шевченко", "shevchenko"),
        ("Коваленко", "kovalenko"),
        ("Иванова", "ivanova"),
        ("Щербаков", "shcherbakov"),
        ("Їжакевич", "yizhakevych"),
        ("Петровић", "petrovic"),
    ],
    company: ("ТОВ «", "»"),
    language: "uk",
    currency: "EUR",
    domain: "книга.example",
};

pub(super) const ARABIC: Culture = Culture {
    order: Order::GivenFirst,
    given: &[
        ("محمد", "mohammed"),
        ("فاطمة", "fatima"),
        ("عمر", "omar"),
        ("ليلى", "layla"),
        ("يوسف", "yousef"),
        ("نور", "noor"),
    ],
    family: &[
        ("الحداد", "alhaddad"),
        ("عبد الله", "abdullah"),
        ("النجار", "alnajjar"),
        ("خوري", "khoury"),
        ("المصري", "almasri"),
        ("بن علي", "benali"),
    ],
    company: ("شركة ", " للتجارة"),
    language: "ar",
    currency: "USD",
    domain: "كتاب.example",
};

pub(super) const HEBREW: Culture = Culture {
    order: Order::GivenFirst,
    given: &[
        ("נועה", "noa"),
        ("דוד", "david"),
        ("יעל", "yael"),
        ("אבי", "avi"),
        ("תמר", "tamar"),
        ("משה", "moshe"),
    ],
    family: &[
        ("כהן", "cohen"),
        ("לוי", "levi"),
        ("בן-דוד", "ben-david"),
        ("פרידמן", "friedman"),
        ("מזרחי", "mizrahi"),
        ("שפירא", "shapira"),
    ],
    company: ("", " בע\"מ"),
    language: "he",
    currency: "USD",
    domain: "ספר.example",
};

pub(super) const HINDI: Culture = Culture {
    order: Order::GivenFirst,
    given: &[
        ("आदित्य", "aditya"),
        ("प्रिया", "priya"),
        ("राजेश", "rajesh"),
        ("अनन्या", "ananya"),
        ("विक्रम", "vikram"),
        ("Lakshmi", "lakshmi"),
        ("संजय", "sanjay"),
        ("Meera", "meera"),
    ],
    family: &[
        ("शर्मा", "sharma"),
        ("पटेल", "patel"),
        ("सिंह", "singh"),
        ("Iyer", "iyer"),
        ("गुप्ता", "gupta"),
        ("Venkataraman", "venkataraman"),
        ("चट्टोपाध्याय", "chattopadhyay"),
        ("D'Souza", "dsouza"),
    ],
    company: ("", " Pvt. Ltd."),
    language: "hi",
    currency: "INR",
    domain: "किताब.example",
};

pub(super) const CHINESE: Culture = Culture {
    order: Order::Joined,
    given: &[
        ("伟", "wei"),
        ("秀英", "xiuying"),
        ("子轩", "zixuan"),
        ("丽", "li"),
        ("建国", "jianguo"),
        ("雨涵", "yuhan"),
    ],
    family: &[
        ("王", "wang"),
        ("李", "li"),
        ("欧阳", "ouyang"),
        ("陈", "chen"),
        ("张", "zhang"),
        ("𠮷", "ji"),
    ],
    company: ("", "贸易有限公司"),
    language: "zh-Hans",
    currency: "USD",
    domain: "书店.example",
};

pub(super) const JAPANESE: Culture = Culture {
    order: Order::FamilyFirst,
    given: &[
        ("花子", "hanako"),
        ("太郎", "taro"),
        ("さくら", "sakura"),
        ("健一", "kenichi"),
        ("ミカ", "mika"),
        ("翔太", "shota"),
        ("美咲", "misaki"),
        ("葵", "aoi"),
    ],
    family: &[
        ("佐藤", "sato"),
        ("田中", "tanaka"),
        ("山田", "yamada"),
        ("渡邊", "watanabe"),
        ("髙橋", "takahashi"),
        ("小林", "kobayashi"),
        ("五十嵐", "igarashi"),
        ("ヴィトー", "vito"),
    ],
    company: ("株式会社", "商店"),
    language: "ja",
    currency: "JPY",
    domain: "本屋.example",
};

pub(super) const KOREAN: Culture = Culture {
    order: Order::Joined,
    given: &[
        ("민준", "minjun"),
        ("서연", "seoyeon"),
        ("지훈", "jihoon"),
        ("하은", "haeun"),
        ("영희", "younghee"),
        ("도윤", "doyun"),
    ],
    family: &[
        ("김", "kim"),
        ("이", "lee"),
        ("박", "park"),
        ("최", "choi"),
        ("남궁", "namgung"),
        ("정", "jung"),
    ],
    company: ("주식회사 ", " 상사"),
    language: "ko",
    currency: "USD",
    domain: "책방.example",
};

/// Who lives where a legal entity of Contoso's sells. Others have all of them.
pub(super) fn of(legal_entity: &str) -> &'static [&'static Culture] {
    const EVERYWHERE: &[&Culture] = &[
        &ENGLISH, &GERMAN, &FRENCH, &GREEK, &CYRILLIC, &ARABIC, &HEBREW, &HINDI, &CHINESE,
        &JAPANESE, &KOREAN,
    ];
    match legal_entity {
        "USMF" => &[
            &ENGLISH, &ENGLISH, &ENGLISH, &FRENCH, &CHINESE, &ARABIC, &HEBREW,
        ],
        "DEMF" => &[&GERMAN, &GERMAN, &GERMAN, &FRENCH, &GREEK, &CYRILLIC],
        "JPMF" => &[&JAPANESE, &JAPANESE, &JAPANESE, &KOREAN, &CHINESE],
        "INMF" => &[&HINDI, &HINDI, &HINDI, &ENGLISH, &ARABIC],
        _ => EVERYWHERE,
    }
}

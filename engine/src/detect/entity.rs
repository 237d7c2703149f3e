//! The types of entities that are found, and the groups by which a policy names them.
//!
//! Presidio's names where it has one. Must not go here: how an entity is recognised.

macro_rules! entities {
    ($($(#[$doc:meta])* $variant:ident $name:literal [$($group:ident)*])*) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum Entity { $($(#[$doc])* $variant,)* }

        impl Entity {
            /// Every entity with its name and groups.
            pub const ALL: &'static [(Entity, &'static str, &'static [Group])] =
                &[$((Entity::$variant, $name, &[$(Group::$group),*]),)*];

            /// The name that policies, labels and findings use.
            pub fn name(self) -> &'static str {
                match self { $(Entity::$variant => $name,)* }
            }
        }
    };
}

entities! {
    AbaRouting "ABA_ROUTING_NUMBER" [Pii Financial Us]
    CreditCard "CREDIT_CARD" [Pii Financial]
    Crypto "CRYPTO" [Pii Financial]
    Iban "IBAN_CODE" [Pii Financial]
    UsBankNumber "US_BANK_NUMBER" [Pii Financial Us]
    EmailAddress "EMAIL_ADDRESS" [Pii Contact]
    PhoneNumber "PHONE_NUMBER" [Pii Contact]
    /// A name that only its key reveals; names in free text are not found.
    PersonKeyed "PERSON_KEYED" [Pii Contact]
    DateOfBirth "DATE_OF_BIRTH" [Pii]
    IpAddress "IP_ADDRESS" [Pii Network]
    MacAddress "MAC_ADDRESS" [Pii Network]
    /// A diagnosis, medication or the like, by its key.
    HealthKeyed "HEALTH_KEYED" [Pii Health]
    /// DEA registration number.
    MedicalLicense "MEDICAL_LICENSE" [Pii Health Us]
    MedicalRecord "MEDICAL_RECORD_NUMBER" [Pii Health]
    UsMbi "US_MBI" [Pii Health Us]
    UsNpi "US_NPI" [Pii Health Us]
    /// Of no particular country.
    DriverLicense "DRIVER_LICENSE" [Pii National]
    /// Of no particular country.
    NationalId "NATIONAL_ID" [Pii National]
    /// Of no particular country.
    Passport "PASSPORT" [Pii National]
    UsDriverLicense "US_DRIVER_LICENSE" [Pii National Us]
    UsItin "US_ITIN" [Pii National Us]
    UsPassport "US_PASSPORT" [Pii National Us]
    UsSsn "US_SSN" [Pii National Us]
    UkDrivingLicence "UK_DRIVING_LICENCE" [Pii National Uk]
    UkNhs "UK_NHS" [Pii National Health Uk]
    UkNino "UK_NINO" [Pii National Uk]
    UkPassport "UK_PASSPORT" [Pii National Uk]
    AuAbn "AU_ABN" [Pii National Au]
    AuAcn "AU_ACN" [Pii National Au]
    AuMedicare "AU_MEDICARE" [Pii National Health Au]
    AuTfn "AU_TFN" [Pii National Au]
    BrCnpj "BR_CNPJ" [Pii National Br]
    BrCpf "BR_CPF" [Pii National Br]
    CaSin "CA_SIN" [Pii National Ca]
    CnRic "CN_RIC" [Pii National Cn]
    DeHealthInsurance "DE_HEALTH_INSURANCE" [Pii National Health De]
    DeIdCard "DE_ID_CARD" [Pii National De]
    DePassport "DE_PASSPORT" [Pii National De]
    DeSocialSecurity "DE_SOCIAL_SECURITY" [Pii National De]
    DeTaxId "DE_TAX_ID" [Pii National De]
    DeVatId "DE_VAT_ID" [Pii National De]
    EsNie "ES_NIE" [Pii National Es]
    EsNif "ES_NIF" [Pii National Es]
    EsPassport "ES_PASSPORT" [Pii National Es]
    FiPic "FI_PERSONAL_IDENTITY_CODE" [Pii National Fi]
    FrNir "FR_NIR" [Pii National Fr]
    InAadhaar "IN_AADHAAR" [Pii National In]
    InGstin "IN_GSTIN" [Pii National In]
    InPan "IN_PAN" [Pii National In]
    InPassport "IN_PASSPORT" [Pii National In]
    InVoter "IN_VOTER" [Pii National In]
    ItDriverLicense "IT_DRIVER_LICENSE" [Pii National It]
    ItFiscalCode "IT_FISCAL_CODE" [Pii National It]
    ItIdentityCard "IT_IDENTITY_CARD" [Pii National It]
    ItPassport "IT_PASSPORT" [Pii National It]
    ItVatCode "IT_VAT_CODE" [Pii National It]
    KrDriverLicense "KR_DRIVER_LICENSE" [Pii National Kr]
    KrFrn "KR_FRN" [Pii National Kr]
    KrPassport "KR_PASSPORT" [Pii National Kr]
    KrRrn "KR_RRN" [Pii National Kr]
    MxCurp "MX_CURP" [Pii National Mx]
    NgNin "NG_NIN" [Pii National Ng]
    NlBsn "NL_BSN" [Pii National Nl]
    PlPesel "PL_PESEL" [Pii National Pl]
    SeOrg "SE_ORGANISATIONSNUMMER" [Pii National Se]
    SePersonnummer "SE_PERSONNUMMER" [Pii National Se]
    SgNricFin "SG_NRIC_FIN" [Pii National Sg]
    SgUen "SG_UEN" [Pii National Sg]
    ThTnin "TH_TNIN" [Pii National Th]
    TrNationalId "TR_NATIONAL_ID" [Pii National Tr]
    ZaId "ZA_ID_NUMBER" [Pii National Za]
    Secret "SECRET" [Credentials]
    /// A value that the policy's own deny list names.
    Denied "DENIED" []
    /// A value that one of the policy's own patterns matches; the pattern has the name.
    Custom "CUSTOM" []
}

/// A word that names several entities: a kind of data, or a country.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    Au,
    Br,
    Ca,
    Cn,
    Contact,
    Credentials,
    De,
    Es,
    Fi,
    Financial,
    Fr,
    Health,
    In,
    It,
    Kr,
    Mx,
    National,
    Network,
    Ng,
    Nl,
    Pii,
    Pl,
    Se,
    Sg,
    Th,
    Tr,
    Uk,
    Us,
    Za,
}

impl Group {
    /// Every group with its name.
    pub const ALL: &'static [(Group, &'static str)] = &[
        (Group::Au, "au"),
        (Group::Br, "br"),
        (Group::Ca, "ca"),
        (Group::Cn, "cn"),
        (Group::Contact, "contact"),
        (Group::Credentials, "credentials"),
        (Group::De, "de"),
        (Group::Es, "es"),
        (Group::Fi, "fi"),
        (Group::Financial, "financial"),
        (Group::Fr, "fr"),
        (Group::Health, "health"),
        (Group::In, "in"),
        (Group::It, "it"),
        (Group::Kr, "kr"),
        (Group::Mx, "mx"),
        (Group::National, "national"),
        (Group::Network, "network"),
        (Group::Ng, "ng"),
        (Group::Nl, "nl"),
        (Group::Pii, "pii"),
        (Group::Pl, "pl"),
        (Group::Se, "se"),
        (Group::Sg, "sg"),
        (Group::Th, "th"),
        (Group::Tr, "tr"),
        (Group::Uk, "uk"),
        (Group::Us, "us"),
        (Group::Za, "za"),
    ];
}

/// A set of entities: a bit for each, in two words that wasm computes with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Set([u64; 2]);

impl Set {
    pub const EMPTY: Set = Set([0; 2]);
    pub const ALL: Set = Set([u64::MAX; 2]);

    pub const fn of(entity: Entity) -> Set {
        let bit = 1 << (entity as u8 % 64);
        if (entity as u8) < 64 { Set([bit, 0]) } else { Set([0, bit]) }
    }

    /// The entities of `group`.
    pub fn group(group: Group) -> Set {
        let members = Entity::ALL.iter().filter(|(_, _, groups)| groups.contains(&group));
        members.fold(Set::EMPTY, |set, (entity, _, _)| set.with(*entity))
    }

    pub const fn with(self, entity: Entity) -> Set {
        self.union(Set::of(entity))
    }

    pub const fn union(self, Set([c, d]): Set) -> Set {
        let Set([a, b]) = self;
        Set([a | c, b | d])
    }

    pub const fn without(self, Set([c, d]): Set) -> Set {
        let Set([a, b]) = self;
        Set([a & !c, b & !d])
    }

    pub const fn meets(self, Set([c, d]): Set) -> bool {
        let Set([a, b]) = self;
        a & c | b & d != 0
    }

    pub const fn contains(self, entity: Entity) -> bool {
        self.meets(Set::of(entity))
    }
}

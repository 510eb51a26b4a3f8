"""What people write into follow-ups at Indian lenders and colleges. All of it is invented."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

_GIVEN = (
    "Aarav", "Aditi", "Amit", "Ananya", "Arjun", "Deepa", "Farhan", "Gurpreet", "Harini", "Imran", "Ishita", "Joseph",
    "Kavya", "Lakshmi", "Manish", "Meera", "Neha", "Nikhil", "Pooja", "Prakash", "Rahul", "Rekha", "Rohan", "Sana",
    "Sneha", "Suresh", "Tanvi", "Varun", "Vikram", "Zoya",
)  # fmt: skip
_FAMILY = (
    "Agarwal", "Bhat", "Chatterjee", "Das", "Deshmukh", "D'Souza", "Fernandes", "Gill", "Gupta", "Iyer", "Jain",
    "Joshi", "Kaur", "Khan", "Kulkarni", "Menon", "Mishra", "Naidu", "Nair", "Patel", "Pillai", "Rao", "Reddy",
    "Shaikh", "Sharma", "Singh", "Thomas", "Verma",
)  # fmt: skip

LATIN_NAMES = tuple(f"{given} {family}" for given, family in product(_GIVEN, _FAMILY))
#: Devanagari, Tamil, Bengali, Telugu, Kannada, Malayalam, Gujarati, Gurmukhi, Odia, and Urdu from right to left.
OTHER_SCRIPTS = (
    "प्रिया शर्मा", "राजेश कुमार गुप्ता", "सुनीता देशपांडे", "முருகன் செல்வராஜ்", "கவிதா ராமன்", "অনির্বাণ চট্টোপাধ্যায়",
    "శ్రీనివాస్ రెడ్డి", "ಮಂಜುನಾಥ್ ಗೌಡ", "അനിൽ കുമാർ നായർ", "હેતલબેન પટેલ", "ਗੁਰਪ੍ਰੀਤ ਕੌਰ", "ସୁଚିତ୍ରା ମହାନ୍ତି",
    "محمد عارف خان",
)  # fmt: skip

BRANCHES = (
    "Andheri East branch, Mumbai", "Baner branch, Pune", "Jayanagar 4th Block branch, Bengaluru",
    "T. Nagar branch, Chennai", "Salt Lake Sector V branch, Kolkata", "Connaught Place branch, New Delhi",
    "Madhapur branch, Hyderabad", "C. G. Road branch, Ahmedabad", "M. I. Road branch, Jaipur",
    "Hazratganj branch, Lucknow", "Marine Drive branch, Kochi", "R. S. Puram branch, Coimbatore",
    "Vijay Nagar branch, Indore", "Sector 17 branch, Chandigarh", "Customer's shop, Gandhi Market, Nagpur",
    "ग्राहक का घर, गोमती नगर, लखनऊ", "வாடிக்கையாளர் வீடு, மதுரை",
)  # fmt: skip
CAMPUSES = (
    "North Campus, admissions block, New Delhi", "Hinjewadi campus, Pune", "Whitefield campus, Bengaluru",
    "OMR campus, counselling centre, Chennai", "Kothrud learning centre, Pune", "Gachibowli campus, Hyderabad",
    "New Town campus, Kolkata", "S. G. Highway campus, Ahmedabad", "Kazhakkoottam campus, Thiruvananthapuram",
    "Study centre, Boring Road, Patna", "Online",
)  # fmt: skip

_LOANS = ("home loan", "personal loan", "gold loan", "MSME loan", "loan against property", "education loan")
_COURSES = (
    "B.Tech Computer Science",
    "MBA Finance",
    "BBA",
    "B.Sc Nursing",
    "PG Diploma in Data Science",
    "B.Com (Hons)",
)
_DOCUMENTS = (
    "last six months' bank statement", "Form 16 and salary slips", "GST returns of two years", "signed NACH mandate",
    "sale deed and encumbrance certificate", "Udyam registration", "10th and 12th mark sheets", "transfer certificate",
    "migration certificate", "entrance score card", "income certificate for the scholarship",
)  # fmt: skip
_IDENTITY = ("PAN card", "Aadhaar (masked)", "passport", "voter id", "driving licence")
_INSTALMENTS = ("first semester fee", "second instalment", "hostel fee", "seat acceptance fee", "examination fee")
_ANYWHERE = BRANCHES + CAMPUSES


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """What follow-ups of one task type read like; `{name}` and `{item}` in subjects are filled in row by row."""

    items: tuple[str, ...]
    subjects: tuple[str, ...]
    notes: tuple[str, ...]
    places: tuple[str, ...]


#: By the name of the task type.
SCENARIOS = {
    "Meeting": Scenario(
        items=_LOANS,
        subjects=(
            "{item}: go over the sanction letter with {name}", "{item}: offer discussion, {name}",
            "{item}: meet {name} and co-applicant", "{item}: renewal, {name}",
        ),
        notes=(
            "Asked for a tenure of 15 years. Existing EMI ₹18,400 a month.\nPrefers the morning.",
            "Salaried, net ₹72,000. Co-applicant will join. Carry the rate card.",
            "22 carat, about 48 g. Explain the auction terms again, please.",
            "ग्राहक हिंदी में बात करना चाहते हैं। कृपया समय पर पहुँचें।",
        ),
        places=BRANCHES,
    ),
    "Site Visit": Scenario(
        items=("home loan", "MSME loan", "loan against property"),
        subjects=("{item}: property visit, {name}", "{item}: premises check, {name}", "{item}: valuation, {name}"),
        notes=(
            "Second visit: the first was put off because of rain. Call before starting.",
            "Turnover ₹1.4 crore by GST returns; wants ₹25 lakh as working capital.",
            "Third floor, no lift. Ask for the society's no-objection certificate.",
        ),
        places=BRANCHES,
    ),
    "Phone Call": Scenario(
        items=_LOANS + _COURSES,
        subjects=("{item}: eligibility call with {name}", "Call {name}: {item}", "{name} asked for a call: {item}"),
        notes=(
            "Missed our call twice; free after 4 pm.",
            "Wants to compare with another bank's 8.45 %.",
            "Came from the website's form. Hindi or English.",
        ),
        places=("",),
    ),
    "Campus Visit": Scenario(
        items=_COURSES,
        subjects=("Campus visit: {name}, {item}", "{item}: hostel and labs, {name}", "Open day: {name}, {item}"),
        notes=(
            "Family comes from Nashik by the 7:30 train; keep 20 minutes in hand.",
            "Wants to know about placements – take last year's report along.",
            "பெற்றோருடன் வருகிறார். விடுதி வசதி பற்றி கேட்டார்.",
        ),
        places=CAMPUSES,
    ),
    "Loan Counselling": Scenario(
        items=_LOANS,
        subjects=("Counselling: {item}, {name}", "{item}: repayment options with {name}", "{name}: which {item} fits"),
        notes=(
            "Father will be co-borrower. Course fee ₹11.2 lakh, wants 100 % cover.",
            "Asked what happens to the rate after the first year.",
            "Self-employed for 3 years; explain the surrogate programmes.",
        ),
        places=_ANYWHERE,
    ),
    "Document Collection": Scenario(
        items=_DOCUMENTS,
        subjects=("Collect {item}: {name}", "{name}: {item} still missing", "{name}: {item}, second reminder"),
        notes=(
            "Uploaded copy is not legible. Ask for a scan of both sides.",
            "Bank statement stops in August; the last three months are needed.",
            "Sanction lapses in 10 days without it.",
            "दस्तावेज़ की मूल प्रति साथ लाने को कहें।",
        ),
        places=_ANYWHERE,
    ),
    "Follow Up": Scenario(
        items=_LOANS + _COURSES,
        subjects=("{item}: ask {name} for a decision", "{name}: no reply since the offer, {item}"),
        notes=("Promised an answer by Friday.", "Waiting for the spouse's consent.", "Fee link was sent by SMS."),
        places=("",),
    ),
    "KYC Verification": Scenario(
        items=_IDENTITY,
        subjects=("Verify {item} of {name}", "{name}: {item} does not match", "{item} of {name} has expired"),
        notes=(
            "Application and document differ in the spelling of the name.",
            "Address changed last year; ask for the electricity bill as well.",
            "Video KYC dropped twice – do it at the branch.",
        ),
        places=BRANCHES,
    ),
    "Fee Reminder": Scenario(
        items=_INSTALMENTS,
        subjects=("Remind {name}: {item}", "{name}: {item} due before the seat lapses", "{item} pending, {name}"),
        notes=(
            "Provisional seat until Friday; ₹85,000 open.",
            "Parents want to pay in two instalments – needs approval.",
            "Paid by UPI, says the family; no entry so far.",
        ),
        places=CAMPUSES,
    ),
}  # fmt: skip
#: For a task type of another directory.
ANY_SCENARIO = SCENARIOS["Follow Up"]

#: By the display name of the custom field; `{number}` is filled in.
FIELD_VALUES = {
    "Agenda": ("Sanction letter", "Rate and tenure", "Balance transfer", "Top-up"),
    "Meeting Link": ("https://meet.example.com/{number}",),
    "Project": ("Green Acres, Phase 2", "Lake View Residency", "शांति निवास", "Shop in Gandhi Market"),
    "Course": _COURSES,
    "Visitors": ("1", "2", "3", "4"),
    "Amount": ("250000", "750000", "1800000", "4500000"),
    "Documents": _DOCUMENTS,
    "Application Number": ("APP-2026-{number}",),
    "KYC Document": _IDENTITY,
    "Remarks": ("Second attempt", "Original seen", "Name differs"),
    "Instalment": _INSTALMENTS,
}
